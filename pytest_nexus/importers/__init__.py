"""Reads JUnit XML, pytest-reportlog and pytest-split files into runs of the history."""
