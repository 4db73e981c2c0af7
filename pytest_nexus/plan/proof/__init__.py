"""Whether the shards of a run lost no test, from their journals."""
