"""The SQLite file of a history: connection, schema, tables."""
