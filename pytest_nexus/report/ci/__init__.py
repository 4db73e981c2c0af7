"""What a CI run says as a whole: the results of all shards."""
