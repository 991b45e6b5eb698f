"""Proves by real calls who gets access and who does not.

`probes`      what modules say can be tried (an output of theirs).
`plan`        which calls to make for a pair of roles, and what each must come to. Pure.
`outcome`     what came of one call: allowed, denied, broken, or not known. Pure.
`intruder`    makes the calls of our own administrator in the trusted account.
`function`    has the trusted role's function make its calls.
`judge`       outcomes and streaks -> verdicts. Pure.
`allowed`     the one call that writes: the process itself, the item it wrote, read back and removed.
`policy_checks`   what a plan of Terraform would change of a role's policies, and those that it does not manage. Pure.
`run`         all of it, for every pair of a spec.
"""
