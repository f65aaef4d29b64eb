"""The decision: how many containers to launch now, and why."""
