"""What happened before: journals, and the SQLite file that they are folded into."""
