"""Says what happened and what was gained."""
