"""The phases: order, preview, checks, apply, wait, revoke, and adoption after a crash."""
