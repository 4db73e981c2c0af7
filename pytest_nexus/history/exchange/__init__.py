"""Exchange runs with other histories: merge, forks, export, check."""
