"""The sandbox: an embedded AWS, workers, bursts of messages and the real daemon, all on this machine."""
