"""Answer questions from the stored attempts."""
