"""Decide whether and when a failed test is run again."""
