"""Deploys a project: order of the phases, plans, checks, applies, revocation, and adoption after a crash."""
