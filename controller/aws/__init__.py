"""The adapters to AWS: the only code that speaks boto3. They translate; they decide nothing."""
