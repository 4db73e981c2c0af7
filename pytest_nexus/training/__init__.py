"""Learns a model from a history, where a trusted job runs."""
