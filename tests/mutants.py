"""Changes the decisions in small ways, one at a time, and counts what the unit tests notice.

    python -m tests.mutants [--sample N] [--seed S] [ROOM ...]

mutmut makes the mutants and runs their tests, in a copy of the project that is laid out as a wheel
is: `predictor/` within the package, where its tests import it from.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
STAGE: Final = ROOT / ".mutants"
ROOMS: Final = ("plan", "predictor", "history")
SAMPLE: Final = 100
"""Mutants of each room by default."""

_OUTCOMES: Final = {0: "survived", 33: "untested"}
"""By the exit code that mutmut keeps; any other one is a failure of the tests, or their end."""

_SQL: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN|COMMIT|ROLLBACK|VACUUM)\b")
_TEXT_IN_SQL: Final = re.compile(r"'[^']*'")

_CONFIGURATION: Final = """
[tool.mutmut]
source_paths = ["pytest_nexus"]
only_mutate = [{patterns}]
pytest_add_cli_args = ["-n0", "-p", "no:cacheprovider", "-m", "not process and not slow"]
pytest_add_cli_args_test_selection = [{tests}]
track_dependencies = false
use_git_change_detection = false
"""


def stage(rooms: Sequence[str]) -> None:
    """Copy what is mutated and its tests, laid out as in a wheel."""
    shutil.rmtree(STAGE, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pytest_nexus", STAGE / "pytest_nexus", ignore=without)
    shutil.copytree(ROOT / "predictor", STAGE / "pytest_nexus" / "predictor", ignore=without)
    shutil.copytree(ROOT / "tests", STAGE / "tests", ignore=without)
    (STAGE / "mutants").mkdir()
    (STAGE / "mutants" / "sample_history").symlink_to(ROOT / "sample_history")
    configuration = _CONFIGURATION.format(
        patterns=", ".join(f'"pytest_nexus/{room}/*"' for room in rooms),
        tests=", ".join(f'"tests/unit/{room}"' for room in rooms),
    )
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (STAGE / "pyproject.toml").write_text(text + configuration, "utf-8")


def mutmut(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in the copy."""
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=STAGE, capture_output=True, text=True, check=False,
    )  # fmt: skip


def outcomes() -> dict[str, int | None]:
    """Return the exit code of the tests for each mutant, by its name; None: not run."""
    found: dict[str, int | None] = {}
    for path in sorted((STAGE / "mutants").rglob("*.meta")):
        found |= json.loads(path.read_text("utf-8"))["exit_code_by_key"]
    return found


def room_of(mutant: str) -> str:
    """Return the room that a mutant is in.

    >>> room_of("pytest_nexus.plan.order.x_rank__mutmut_3")
    'plan'
    """
    return mutant.split(".")[1]


def chosen(mutants: Sequence[str], n: int, seed: int) -> list[str]:
    """Return up to n mutants of each room, the same ones for a seed; 0: all.

    >>> chosen(["a.plan.x", "a.plan.y", "a.history.z"], 1, 0)
    ['a.plan.y', 'a.history.z']
    """
    by_room: dict[str, list[str]] = {}
    for mutant in mutants:
        by_room.setdefault(room_of(mutant), []).append(mutant)
    draw = random.Random(seed)
    found = []
    for each in by_room.values():
        found += sorted(draw.sample(each, n)) if 0 < n < len(each) else each
    return found


def is_same_sql(diff: str) -> bool:
    """Return whether a mutant changes only the case of SQL, which no database can notice.

    The case of a text within the SQL does count.

    >>> is_same_sql('-    q = "SELECT x FROM t"\\n+    q = "select x from t"')
    True
    >>> is_same_sql("-    q = \\"SELECT 'A'\\"\\n+    q = \\"select 'a'\\"")
    False
    """
    changed = [line for line in diff.splitlines() if line[:1] in {"-", "+"}]
    sides = [[line[1:] for line in changed if line[:1] == sign and line[1:3] != sign * 2]
             for sign in "-+"]  # fmt: skip
    before, after = ("\n".join(lines) for lines in sides)
    is_sql = _SQL.search(before) is not None and before.lower() == after.lower()
    return is_sql and _TEXT_IN_SQL.findall(before) == _TEXT_IN_SQL.findall(after)


def table(codes: Mapping[str, int], same: Collection[str] = ()) -> list[str]:
    """Return a line for each room: how many of its mutants the tests noticed.

    Args:
        codes: exit code of the tests by the name of the mutant.
        same: the surviving mutants that change nothing but the case of SQL.

    >>> table({"a.plan.x": 1, "a.plan.y": 0, "a.plan.z": 33, "a.plan.u": 0}, ["a.plan.u"])
    ['plan       1 of 4 killed (25.0 %), 2 survived (1 by the case of SQL), 1 untested']
    """
    counts: dict[str, Counter[str]] = {}
    for name, code in codes.items():
        outcome = _OUTCOMES.get(code, "killed")
        found = counts.setdefault(room_of(name), Counter())
        found[outcome] += 1
        found["same"] += name in same
    return [
        f"{room:10} {found['killed']} of {n} killed ({found['killed'] / n:.1%}), ".replace(
            "%", " %"
        )
        + f"{found['survived']} survived ({found['same']} by the case of SQL), "
        + f"{found['untested']} untested"
        for room, found in counts.items()
        if (n := found.total() - found["same"])
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate, test and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", default=ROOMS, metavar="ROOM")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="of each room; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    stage(options.rooms)
    made = mutmut("run", "none")
    mutants = chosen(sorted(outcomes()), options.sample, options.seed)
    if not mutants:
        print(made.stdout + made.stderr)
        return 1
    print(f"{len(mutants)} of {len(outcomes())} mutants", flush=True)
    done = mutmut("run", *mutants)
    codes = outcomes()
    found = {name: codes[name] for name in mutants if codes[name] is not None}
    if not found:
        print(done.stdout[-5000:] + done.stderr)
        return 1
    if len(found) < len(mutants):
        print(f"{len(mutants) - len(found)} came to no end and are left out")
    same = set()
    for name, code in found.items():
        if code in _OUTCOMES:
            diff = mutmut("show", name).stdout
            if _OUTCOMES[code] == "survived" and is_same_sql(diff):
                same.add(name)
            print(f"{_OUTCOMES[code]}: {name}\n{diff}", flush=True)
    print("\n".join(table(found, same)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
