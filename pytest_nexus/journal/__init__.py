"""The file of one session: the session writes attempts and shards; the history reads them."""
