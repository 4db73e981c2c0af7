"""Look for what is set up wrong in a project. In: settings, files, git, CI; out: findings."""
