"""The work of a run in a shared queue: units in, the size of the next batch out."""
