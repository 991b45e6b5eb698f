"""Knowledge of IAM policies: documents, trust policies and their states, evaluation, lint. Pure; no I/O."""
