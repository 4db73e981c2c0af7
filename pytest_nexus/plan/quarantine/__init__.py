"""Keep the tests that do not fail the build: the file, and the rules for its entries."""
