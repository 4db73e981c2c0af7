"""The report at the end of a session: terminal and JUnit."""
