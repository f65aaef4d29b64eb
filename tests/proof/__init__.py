"""The proof that a launch happens once: the real reconcile, fleet and launch on a model of AWS, in virtual time."""
