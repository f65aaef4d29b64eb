"""What a configuration needs on AWS: the controller's policy, and a CloudFormation template with everything else."""
