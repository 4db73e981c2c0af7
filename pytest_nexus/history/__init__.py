"""Step 1: store the past. Takes in journals; returns runs, attempts and statistics."""
