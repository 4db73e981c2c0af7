"""What holds for all tests: the search for counterexamples, and tables that are not cut."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
os.environ.pop("COLUMNS", None)
"""xdist sets it for its workers, and tables are cut to it."""
