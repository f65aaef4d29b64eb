"""One reconcile of one scaler: observe, decide, plan, launch, record."""
