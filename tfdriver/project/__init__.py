"""A project on disk: rendered compositions, their values, generated files, the lock, `tfdriver init`."""
