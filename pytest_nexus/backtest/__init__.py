"""Replay recorded builds and histories, to measure orders, durations and models."""
