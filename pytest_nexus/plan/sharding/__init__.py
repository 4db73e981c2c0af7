"""Which shard runs which tests, and the document that says so."""
