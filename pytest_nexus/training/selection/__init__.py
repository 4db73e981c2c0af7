"""Replay past runs as a selection would have seen them, and realise its promise on later runs."""
