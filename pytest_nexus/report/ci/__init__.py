"""The report of a whole CI run: the results of all shards."""
