"""The proof that no test was lost between the shards."""
