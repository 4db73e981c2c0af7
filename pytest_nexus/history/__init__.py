"""Step 1: store all runs. Takes in journals; returns runs, attempts and statistics."""
