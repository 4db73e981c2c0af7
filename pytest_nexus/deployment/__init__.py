"""Push model versions to the places where sessions predict: gates, targets, canaries, rollback."""
