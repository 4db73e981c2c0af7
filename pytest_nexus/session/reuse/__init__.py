"""Leave out tests whose results are known, and watch the sample of them that runs anyway.

In: the plan of a session, the history, git, the contents of files. Out: the plan with verdicts.
"""
