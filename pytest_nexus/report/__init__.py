"""Step 7: report the results."""
