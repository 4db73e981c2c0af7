"""How tests are dealt out to xdist's workers: a state machine without xdist."""
