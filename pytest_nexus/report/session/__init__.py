"""What a session says at its end: terminal and JUnit."""
