"""The kinds of places that a model can be pushed to; plugins add others by an entry point."""
