"""Turn the facts that are known before a run into rows of numbers, one row for each test."""
