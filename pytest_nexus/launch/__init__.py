"""Pytest sessions that a command starts: the end that starts them, and the plugin inside."""
