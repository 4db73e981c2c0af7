"""Collect the facts of a dashboard from a history: frozen values, one class for each section."""
