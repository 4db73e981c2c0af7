"""Which tests depend on the order of tests, and how they are kept in order."""
