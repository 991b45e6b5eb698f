"""What AWS shows and who we are there. The only importer of boto3 (`client`)."""
