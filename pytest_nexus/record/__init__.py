"""Step 6: turns pytest's reports into attempts, and writes the journal."""
