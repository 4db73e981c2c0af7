"""Find the tests that depend on the order of tests, and keep them in order."""
