"""Step 2: find what a change touches. Reads a repository; returns changed files, words, imports."""
