"""What the operator must be allowed to do: a spec and its modules -> a least-privilege IAM policy for each account.

`expressions` works out names that stand in a module; `made` lists what modules make; `kinds` is the table of what each
resource type needs; `statements` puts it together; `documents` cuts it into policies that IAM takes.
"""
