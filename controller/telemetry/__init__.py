"""What the controller says of itself: metrics and log events."""
