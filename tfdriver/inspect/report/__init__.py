"""The report for the security team: `collect` reads its contents, `page` makes HTML of them."""
