"""The daemon around the reconciles: wiring, schedule, reload, and what is served over HTTP."""
