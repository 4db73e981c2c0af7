"""Measures a model: metrics, baselines, bootstrap."""
