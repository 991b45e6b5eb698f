"""Terraform: finding and running it; its events, errors, states and locks. Nothing else starts Terraform."""
