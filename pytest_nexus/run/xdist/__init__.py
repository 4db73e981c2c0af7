"""Send tests to the workers of xdist, and take their reports."""
