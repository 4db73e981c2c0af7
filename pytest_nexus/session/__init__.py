"""One session as a value: its set-up, the known history, the plan, and the lost parts."""
