"""Computes a least-privilege IAM policy for the operator of each account, from the spec and its modules.

`expressions` evaluates names in a module; `module_resources` lists the resources of modules; `arns` predicts their
ARNs; `statements` lists the actions that each resource needs; `documents` splits the statements into managed policies.
"""
