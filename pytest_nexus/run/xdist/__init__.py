"""Hands tests to the workers of xdist, and takes their reports."""
