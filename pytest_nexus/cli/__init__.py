"""The `nexus` command: one module for each group of sub-commands, imported when it is called."""
