"""Judge what happened to commits after the tests: deployments, reverts, and what escaped.

In: outcomes of deployments, commits of git, executions of tests. Out: figures and lists.
"""
