"""A local AWS with several accounts that enforces IAM policies.

moto stores the resources and the sandbox authorizes each call. `start` connects the modules, which handle a call in
this order:

1. `server`            HTTP on a loopback port -> `messages.HttpRequest`.
2. `parse`             `HttpRequest` -> `Call`: service, operation, parameters, access key.
3. `authentication`    access key -> `AuthenticatedCaller`: an IAM user or a role session, with its policies.
4. `faults`            the fault to inject before or after the call.
5. `required_actions`  `Call` -> IAM actions and resources; `tfdriver.iam.evaluator` decides each.
6. `dispatch`          calls of STS go to `sts`, trust policies to `trusts`, Lambda invocations to `lambda_runtime`,
                       everything else to moto. Only `backend` accesses moto.
7. `responses`         results and errors in the format of the call's protocol.
8. `call_log`          one line per call, as in CloudTrail.

`schedule` fires an event rule on demand. `lambda_bootstrap` runs inside a function's process.
"""
