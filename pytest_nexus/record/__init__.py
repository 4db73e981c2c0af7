"""Step 6: turn pytest's reports into attempts, and write the journal."""
