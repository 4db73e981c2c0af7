"""Watch one process: what it executes, opens, lists, reads and imports, and in which scope."""
