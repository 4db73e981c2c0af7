"""Copy a history to parquet files, and answer SQL about them: histories in, rows for people out."""
