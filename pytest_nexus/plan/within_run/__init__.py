"""Let the outcomes of a run move the tests that are left in it."""
