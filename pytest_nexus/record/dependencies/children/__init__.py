"""Python processes that tests start: in, the start of a process; out, what it used."""
