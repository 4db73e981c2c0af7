"""Reads what users already have: JUnit XML, pytest-reportlog, durations files, journals."""
