"""Run one test at past commits, in a worktree of its own. Out: what happened at each commit."""
