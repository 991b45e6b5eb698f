"""What the operator must be allowed to do: a spec and its modules -> a least-privilege IAM policy for each account.

`expressions` works out names that stand in a module; `made` lists what modules make; `statements` puts together
what each resource needs; `documents` cuts it into policies that IAM takes.
"""
