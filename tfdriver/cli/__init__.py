"""What a user types and reads: options, calls, text, progress, JSON. The only importer of click and rich."""
