"""The lines of jobs that draw their tests from a shared queue."""
