"""Prove that no test was lost between the shards."""
