"""One file per command: what it does, as a function that returns a value. No printing, no option parsing."""
