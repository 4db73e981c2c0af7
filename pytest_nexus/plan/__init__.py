"""Step 4: decisions as pure functions: order, shards, workers, reruns, quarantine."""
