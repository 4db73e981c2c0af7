"""Observes what happens now and writes it to the session's journal."""
