"""Measure a model: metrics, baselines, bootstrap."""
