"""Step 4: make decisions as pure functions: order, shards, workers, reruns, quarantine."""
