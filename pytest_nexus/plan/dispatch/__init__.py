"""Decide which worker gets which tests next: a state machine from events to commands."""
