"""One job of a run that draws its tests from a shared queue."""
