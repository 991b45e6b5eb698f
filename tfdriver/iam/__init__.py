"""IAM policies: documents, trust policies and their states, evaluation, lint. No calls to AWS."""
