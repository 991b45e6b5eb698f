"""A project on disk: rendered compositions, values, generated files, the project lock, `tfdriver init`."""
