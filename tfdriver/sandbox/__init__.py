"""A local AWS with several accounts that says no where AWS says no.

moto keeps the resources; what moto would let pass is decided in front of it. `run.start` strings it together. The way
of a call:

1. `server`     HTTP on a loopback port -> `messages.Request`.
2. `parse`      `Request` -> `Call`: service, operation, parameters, access key.
3. `callers`    the access key -> `Caller`: an IAM user or a role session (`sessions`), and its policies.
4. `faults`     what a test wants to go wrong with this call, before or after it is done.
5. `needs`      `Call` -> the IAM actions on the resources that it takes; `tfdriver.iam.evaluator` decides each.
6. `layer`      hands the call on: AssumeRole and GetCallerIdentity to `sts`, trust policies to `trusts`, code to
                `functions`, everything else to moto. `backend` is the one door to moto.
7. `answers`    results and refusals in the shape of the call's protocol.
8. `calllog`    one line per call, as CloudTrail would keep it.

`schedule` fires an event rule on demand; `lambda_bootstrap` runs inside the process of a function.
"""
