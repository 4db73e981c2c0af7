"""Decide which shard runs which tests, and read and write the document of that decision."""
