"""Contact with the machine: clock, files, git, bounded processes, output."""
