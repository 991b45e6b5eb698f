"""Stand-ins for Terraform and AWS where a test needs speed; test_contract.py holds them to the real ones."""
