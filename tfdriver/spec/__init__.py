"""Reads and checks tfdriver.yaml."""
