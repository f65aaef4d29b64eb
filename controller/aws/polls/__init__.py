"""Reading ten thousand queues on one event loop, without boto3 in between."""
