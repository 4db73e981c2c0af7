"""What commands take: options, ids of tests, files, journals."""
