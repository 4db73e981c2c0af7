"""Find what would save the most seconds of a suite, each with its evidence and a remedy.

In: recorded runs. Out: findings. One module for each kind of finding; `every_finder` lists them.
"""
