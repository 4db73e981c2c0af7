"""Change settings by experiment: proposals, runs, learned versions -> the next decisions.

Pure: histories, clock and files belong to the callers.
"""
