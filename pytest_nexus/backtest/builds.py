"""Reads `sample_history/`: builds of real projects, what each changed and how its tests ended."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.records import (
    BAD,
    OUTCOMES,
    Attempt,
    Change,
    ChangedFile,
    CollectedTest,
    NodeId,
    PhaseResult,
    Run,
)
from pytest_nexus.errors import NexusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import Outcome

FOLDER: Final = "sample_history"
_BUILDS: Final = ".builds.csv.gz"


@dataclass(frozen=True, slots=True)
class Build:
    """One run of a project's suite on one state of its sources."""

    run: Run
    kind: str
    """`pass`, `fresh`, `regress` or `mutant`, as the README of the folder explains."""
    tests: tuple[CollectedTest, ...]
    """In the project's own order, without those that fail in the unchanged sources too."""
    attempts: tuple[Attempt, ...]
    """One for each test."""

    @property
    def failing(self) -> frozenset[int]:
        """Indices of the tests that failed."""
        return frozenset(i for i, attempt in enumerate(self.attempts) if attempt.outcome in BAD)

    @property
    def durations(self) -> list[float]:
        """Seconds of each test, all phases."""
        return [attempt.duration_s for attempt in self.attempts]

    @property
    def is_mutant(self) -> bool:
        """Whether the fault was made by a machine."""
        return self.kind == "mutant"


def find_folder(given: str | None) -> Path | None:
    """Return the folder of the data: as given, else `./sample_history`, else a checkout's."""
    beside_package = Path(__file__).parents[2] / FOLDER
    candidates = [Path(given)] if given else [Path(FOLDER), beside_package]
    return next((folder for folder in candidates if projects(folder)), None)


def projects(folder: Path) -> list[str]:
    """Return the names of the projects in a folder, sorted."""
    return sorted(path.name.removesuffix(_BUILDS) for path in folder.glob(f"*{_BUILDS}"))


def read_builds(folder: Path, project: str) -> Iterator[Build]:
    """Yield the builds of a project in time order.

    Raises:
        NexusError: a file is missing, or is not what it should be.
    """
    try:
        rows_of_build: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        for row in _rows(folder / f"{project}.tests.csv.gz"):
            if row["base_failed"] != "1":
                rows_of_build[row["build_id"]].append(row)
        for build in sorted(_rows(folder / f"{project}{_BUILDS}"), key=lambda row: int(row["seq"])):
            yield _build(build, rows_of_build.pop(build["build_id"], []))
    except (OSError, EOFError, zlib.error, KeyError, ValueError, csv.Error) as exc:
        raise NexusError(
            f"Couldn't read the builds of {project} in {folder!s}: {exc!r}; fetch the files again"
        ) from exc


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, restval=""))


def _build(row: Mapping[str, str], test_rows: Sequence[Mapping[str, str]]) -> Build:
    tests, attempts = [], []
    started_s = 0.0
    for test_row in sorted(test_rows, key=lambda test_row: int(test_row["order"])):
        test = _test(test_row["nodeid"])
        attempts.append(_attempt(test, test_row, started_s))
        started_s += attempts[-1].duration_s
        tests.append(test)
    run = Run(
        run_uid=hashlib.sha256(row["build_id"].encode()).hexdigest()[:32],
        started_at=float(row["timestamp"]),
        change=_change(row),
        n_collected=len(tests),
        n_selected=len(tests),
        duration_s=started_s,
        complete=True,
    )
    return Build(run, row["kind"], tuple(tests), tuple(attempts))


def _change(row: Mapping[str, str]) -> Change:
    """Return what a predictor may see: the sources named for it, and all that is no source."""
    sources = [path for path in row["changed_src"].split("|") if path]
    others = [
        path
        for path in row["changed_files"].split("|")
        if path and path not in sources and not path.startswith("src/")
    ]
    files = tuple(ChangedFile(path, "M") for path in (*sources, *others))
    # Only `pass` runs the commit as it is; the others change its tree, so it is no evidence of
    # flakes that a test failed in one and passed in the other.
    return Change(commit=row["commit"], dirty=row["kind"] != "pass", files=files)


def _test(nodeid: str) -> CollectedTest:
    key = key_of_nodeid(nodeid)
    return CollectedTest(NodeId(nodeid), key, function_of_key(key), nodeid.partition("::")[0])


def _attempt(test: CollectedTest, row: Mapping[str, str], started_s: float) -> Attempt:
    setup_s, call_s, teardown_s = (float(row[phase]) for phase in ("setup", "call", "teardown"))
    outcome = _outcome(row["outcome"])
    # The files have one outcome for each test; an error is outside the call, before it if the call
    # took no time.
    in_setup = outcome == "error" and call_s == 0
    in_teardown = outcome == "error" and not in_setup
    return Attempt(
        nodeid=test.nodeid,
        key=test.key,
        function_key=test.function_key,
        number=1,
        started_s=started_s,
        setup=PhaseResult("error" if in_setup else "passed", setup_s),
        call=None if in_setup else PhaseResult("passed" if in_teardown else outcome, call_s),
        teardown=PhaseResult("error" if in_teardown else "passed", teardown_s),
    )


def _outcome(text: str) -> Outcome:
    for outcome in OUTCOMES:
        if outcome == text:
            return outcome
    raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {text!r}")
