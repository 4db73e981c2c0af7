"""The arguments of commands: options, ids of tests, files, journals."""
