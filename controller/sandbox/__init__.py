"""Everything on this machine: an embedded AWS, workers, bursts of messages, and the real daemon on them."""
