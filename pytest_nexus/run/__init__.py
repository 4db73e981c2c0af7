"""Step 5: runs the tests as planned, in one process or on workers of xdist."""
