"""Compares the branches that tests took with a floor for each folder.

`python -m tests.branch_floors .coverage.json pytest_nexus/plan=98` reads what `coverage json`
wrote. The floor of coverage itself is for lines and branches together, where missed branches hardly
count.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


def shares(report: dict, folders: list[str]) -> dict[str, float | None]:
    """Return the percentage of branches taken below each folder; None where there are none."""
    taken: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for name, file in report["files"].items():
        for folder in folders:
            if name.replace("\\", "/").startswith(f"{folder}/"):
                taken[folder] += file["summary"]["covered_branches"]
                there[folder] += file["summary"]["num_branches"]
    return {
        folder: 100 * taken[folder] / there[folder] if there[folder] else None for folder in folders
    }


def main(path: str, *given: str) -> int:
    """Print a line for each folder; return 1 if one is below its floor or was not measured."""
    floors = {folder: float(floor) for folder, _, floor in (one.partition("=") for one in given)}
    found = shares(json.loads(Path(path).read_text("utf-8")), list(floors))
    status = 0
    for folder, floor in floors.items():
        share = found[folder]
        if share is None or share < floor:
            status = 1
        said = "no branch was measured" if share is None else f"{share:.2f} % of branches taken"
        print(f"{folder}: {said}, the floor is {floor:g} %")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
