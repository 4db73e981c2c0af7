"""Learn from parquet files: all failing tests, and a sample of the passing ones with weights."""
