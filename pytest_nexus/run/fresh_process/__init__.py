"""Runs a test once more in a process of its own, at the end of a session."""
