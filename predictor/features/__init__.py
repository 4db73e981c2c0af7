"""What is known of a test before a run, as rows of numbers."""
