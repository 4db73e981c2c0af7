"""Keep learned settings, experiments and the log of decisions, and read the runs that decide.

In: decisions of `plan/autopilot/`. Out: the same, and figures of runs of the CI.
"""
