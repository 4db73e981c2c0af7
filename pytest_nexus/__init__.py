"""Test suites that optimise themselves: record, learn from history, order, shard, retry."""

__version__ = "0.1.0"

DISTRIBUTION = "pytest-nexus-ci"
"""Absent from the unrelated project on PyPI that has the same import name."""
