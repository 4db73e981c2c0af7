"""Replay past runs with other settings: what each would have cost and missed."""
