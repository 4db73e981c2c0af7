"""Step 7: says what happened."""
