"""Calls to AWS: identities, roles, policies, resources, CloudTrail. Only `client` imports boto3."""
