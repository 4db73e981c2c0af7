"""Pure decisions about a run: no pytest, no I/O, no clock, no randomness."""
