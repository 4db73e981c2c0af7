"""Read JUnit XML, pytest-reportlog and pytest-split files as runs of the history."""
