"""Tasks of k copies of a worker: their task definition, their size, and how many of them a launch starts."""
