"""The types and rules that all other packages use. Imports nothing of pytest-nexus but errors."""
