"""The page for the security team: `collect` reads everything it shows, `page` makes HTML of it."""
