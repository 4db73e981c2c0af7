"""Start pytest sessions for commands. Holds the starting side and the plugins inside them."""
