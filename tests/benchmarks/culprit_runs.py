"""How many runs a search for a culprit takes, by the flake rate of the test.

`python -m tests.benchmarks.culprit_runs` prints the table of docs/how-to/find-the-culprit.md. The
answers are drawn: no test is run.
"""

from __future__ import annotations

from math import log2
from typing import Final

from tests.support.simulated_searches import capacity, line_of, played

COMMITS: Final = 256
SEARCHES: Final = 1000
FLAKES: Final = (0.0, 0.1, 0.2, 0.3)
ERROR: Final = 0.05
"""The share of wrong answers that the default confidence allows."""


def least_runs(flakes: float) -> float:
    """Return the fewest runs that any method takes on average, by Fano's inequality.

    (log2 n - h(e) - e log2(n - 1)) / C, with the share e of wrong answers, the entropy h of e, and
    the capacity C of a run.
    """
    entropy = -ERROR * log2(ERROR) - (1 - ERROR) * log2(1 - ERROR)
    bits = log2(COMMITS) - entropy - ERROR * log2(COMMITS - 1)
    return bits / (capacity(flakes) if flakes else 1.0)


def main() -> None:
    """Print the table in Markdown."""
    print(f"{SEARCHES} searches among {COMMITS} commits for each flake rate")
    print("| flake rate | bits a run | runs at least | runs | right |")
    print("| --- | --- | --- | --- | --- |")
    for flakes in FLAKES:
        runs, right, _ = played(line_of(COMMITS), flakes, SEARCHES)
        bits = capacity(flakes) if flakes else 1.0
        print(
            f"| {flakes:.0%} | {bits:.2f} | {least_runs(flakes):.1f} | {runs:.1f} | {right:.0%} |"
        )


if __name__ == "__main__":
    main()
