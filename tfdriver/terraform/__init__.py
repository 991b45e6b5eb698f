"""The only place that starts Terraform: finding it, running it, reading its events, errors, states and locks."""
