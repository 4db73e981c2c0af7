"""Which objects are registered with pytest in which kind of process."""
