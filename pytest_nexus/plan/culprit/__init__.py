"""Find the commit that broke a test, with few runs.

In: the commits between a good and a bad one, and how likely each broke the test. Out: the next
commit to run the test at, and at the end the commit with its probability.
"""
