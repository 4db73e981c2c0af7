"""Train a model from a history, in a trusted job."""
