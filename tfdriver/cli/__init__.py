"""The command line: one module per command; shared options, text, progress and JSON. Only cli uses click and rich."""
