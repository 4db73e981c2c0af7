"""Step 1: what happened before. Takes in journals; answers with runs, attempts and statistics."""
