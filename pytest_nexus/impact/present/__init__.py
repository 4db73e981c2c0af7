"""Compare what is on disk now with what tests used: files, blocks of code, new files.

In: dependencies, and the commits of runs. Out: digests, and the files that those runs did not have.
"""
