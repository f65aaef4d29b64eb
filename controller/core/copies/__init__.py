"""What a task of k copies of a worker is."""
