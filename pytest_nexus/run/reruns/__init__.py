"""Rerun failed tests, and hold their reports back until they are final."""
