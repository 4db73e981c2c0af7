"""Step 2: what a change touches. Takes a repository; gives changed files, words and imports."""
