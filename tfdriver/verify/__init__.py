"""Proves by real calls who gets access and who does not.

`probes`      what modules say can be tried (an output of theirs).
`plan`        which calls to make for a pair of roles, and what each must come to. Pure.
`outcome`     what came of one call: allowed, denied, broken, or not known. Pure.
`intruder`    makes the calls of our own administrator in the trusted account.
`function`    has the trusted role's function make its calls.
`polling`     makes a round of calls again until what came of it holds.
`judge`       outcomes and streaks -> verdicts. Pure.
`allowed`     the one call that writes: the process itself, the item it wrote, read back and removed.
`rendered`    what the compositions' files say, whatever Terraform's state says: plans.
`reference`, `live`   policies as a plan (or a state) has them, and as IAM has them.
`documents`, `policy_checks`   what differs between them. Pure.
`stored`      reads Terraform's state.
`run`         all of it, for every pair of a spec.
"""
