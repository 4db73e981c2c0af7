"""Apply `nexus_select` to the plan of a session, and keep what it decided for the journal.

In: the plan, the history, the change. Out: the plan with verdicts, and the selection to record.
"""
