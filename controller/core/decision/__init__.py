"""What to launch now, and why."""
