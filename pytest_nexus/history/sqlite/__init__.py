"""Access to the SQLite file of a history: connection, schema, tables."""
