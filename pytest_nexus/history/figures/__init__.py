"""Add up runs and attempts for a dashboard, with as much of the work in SQL as possible."""
