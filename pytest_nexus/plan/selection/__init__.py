"""Decide which tests to leave out because they are unlikely to fail, and what this may miss.

In: the forecasts and the history of a plan, past failing runs. Out: verdicts on tests.
"""
