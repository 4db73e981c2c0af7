"""Register the session objects with pytest in each kind of process."""
