"""One session as a value: what it is, what is known, what was planned, what was lost."""
