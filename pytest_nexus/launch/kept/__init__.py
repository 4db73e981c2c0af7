"""Store the results of a search in a file, so that an interrupted search can continue."""
