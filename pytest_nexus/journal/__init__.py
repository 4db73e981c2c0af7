"""The file that a session writes and the history reads: attempts and shards, line by line."""
