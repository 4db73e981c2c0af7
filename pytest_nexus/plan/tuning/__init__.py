"""Propose better settings: past runs, settings of today -> proposals with the expected change.

Pure: the runs, the settings and the goal are arguments.
"""
