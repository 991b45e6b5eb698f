"""Verifies with real calls who gets access and who does not.

`probes`           parses the `probe` outputs of modules: what can be tried.
`attempts`         the calls to make for a pair of roles, and their expected outcomes.
`outcome`          the outcome of one call: allowed, denied, broken or unknown.
`intruder`         calls by the operator's identity in the trusted account.
`resource_calls`   the calls on resources that can be made, and what their errors prove.
`probe_function`   calls by the trusted role's Lambda function.
`probe_role`       calls by a trusted role that an operator may assume.
`by_policy`        what IAM's policies say about calls that cannot be made.
`write_check`      the one check that writes: the function writes an item, which is read back and removed.
`policy_checks`    compares the live policies with the spec and a plan.
`judge`            turns outcomes into verdicts.
`checks`           runs all checks of a spec.
`verify`           `tfdriver verify`.
"""
