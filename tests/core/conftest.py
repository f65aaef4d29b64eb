"""Hypothesis for this machine and for CI: no deadline on either, the same examples every time in CI."""

import os

from hypothesis import settings

settings.register_profile("local", deadline=None)
settings.register_profile("reproducible", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("reproducible" if os.environ.get("CI") else "local")
