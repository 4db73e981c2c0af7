"""Runs failed tests again, and holds their reports back until they are final."""
