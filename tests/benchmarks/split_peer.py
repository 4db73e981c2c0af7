"""Splits by an algorithm of pytest-split; run in its environment, JSON in and out.

In: `{"algorithm": name, "splits": N, "tests": [[nodeid, seconds], ...]}`; out: the group of each
test, from 1.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from pytest_split.algorithms import Algorithms


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    items = [
        SimpleNamespace(nodeid=nodeid, index=i) for i, (nodeid, _) in enumerate(asked["tests"])
    ]
    split = Algorithms[asked["algorithm"]].value
    groups = [0] * len(items)
    for number, group in enumerate(split(asked["splits"], items, dict(asked["tests"])), 1):
        for item in group.selected:
            groups[item.index] = number
    json.dump(groups, sys.stdout)


if __name__ == "__main__":
    main()
