"""What nexus costs and gains, measured beside its peers: `python -m tests.benchmarks`.

A figure is a ratio or a difference between variants that took turns in one run, as medians over the
rounds. Nothing here asserts a time: a budget that is missed is named in the table. A subject is one
module in `subjects/` with a function `measure(bench) -> list[Table]` and a `TITLE`.
"""
