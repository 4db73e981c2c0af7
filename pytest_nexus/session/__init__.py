"""One session as values: what it is, what is known, what is planned, and what the user is told."""
