"""Runs that come in and go out: merge, forks, export, check."""
