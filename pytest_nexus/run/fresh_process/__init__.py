"""Run a test once more in a fresh process, at the end of a session."""
