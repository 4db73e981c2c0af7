"""Read `sample_history/`: builds of real projects, with their changes and test outcomes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.evidence import ChangedWords, TestText
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
from pytest_nexus.forecast.snapshot import code_of
from pytest_nexus.history.state.fold import Observation
from pytest_nexus.journal.encoding import FAIL, PASS, microseconds, pack
from pytest_nexus.predictor.schema import FileChange
from pytest_nexus.training.point_in_time import LabelledTest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import Outcome, TestKey
    from pytest_nexus.predictor.schema import TestCode

FOLDER: Final = "sample_history"
_BUILDS: Final = ".builds.csv.gz"


@dataclass(frozen=True, slots=True)
class Build:
    """One run of a project's suite on one version of its sources."""

    run: Run
    kind: str
    """`pass`, `fresh`, `regress` or `mutant`; the README of the folder explains them."""
    tests: tuple[CollectedTest, ...]
    """In the project's own order, without tests that also fail in the unchanged sources."""
    attempts: tuple[Attempt, ...]
    """One attempt for each test."""

    @property
    def failed(self) -> list[bool]:
        """Whether each test failed."""
        return [attempt.outcome in BAD for attempt in self.attempts]

    @property
    def failing(self) -> frozenset[int]:
        """Indices of the tests that failed."""
        return frozenset(i for i, is_bad in enumerate(self.failed) if is_bad)

    @property
    def durations(self) -> list[float]:
        """Seconds of each test in all phases."""
        return [attempt.duration_s for attempt in self.attempts]

    @property
    def is_mutant(self) -> bool:
        """Whether a machine made the fault."""
        return self.kind == "mutant"


@dataclass(frozen=True, slots=True)
class SampleTexts:
    """The texts of a project: the change of each build, and the code of the tests."""

    files: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """By run_uid and path: `added`, `deleted`, `identifiers`, `context`."""
    tests: Mapping[str, TestText]
    """By test file, as of the last commit."""
    code: Mapping[str, TestCode]
    """The same texts as bags of words."""

    def of(self, build: Build) -> list[FileChange]:
        """Return the changed files of a build, with their words if they are known."""
        known = self.files.get(build.run.run_uid, {})
        return [_file(file.path, known.get(file.path)) for file in build.run.change.files]

    def words(self, build: Build) -> dict[str, ChangedWords]:
        """Return the words of the changed files of a build, as far as they are known."""
        return {
            file.path: ChangedWords(file.words, file.around or {})
            for file in self.of(build)
            if file.words is not None
        }


NO_TEXTS: Final = SampleTexts({}, {}, {})
"""Used if only the paths of the changed files are known."""


def find_folder(given: str | None) -> Path | None:
    """Return the data folder: as given, else `./sample_history`, else the checkout's own."""
    beside_package = Path(__file__).parents[2] / FOLDER
    candidates = [Path(given)] if given else [Path(FOLDER), beside_package]
    return next((folder for folder in candidates if projects(folder)), None)


def projects(folder: Path) -> list[str]:
    """Return the names of the projects in a folder, sorted."""
    return sorted(path.name.removesuffix(_BUILDS) for path in folder.glob(f"*{_BUILDS}"))


def read_builds(folder: Path, project: str) -> Iterator[Build]:
    """Yield the builds of a project in time order.

    Raises:
        NexusError: a file is missing or invalid.
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
            "NX153",
            f"Couldn't read the builds of {project} in {folder!s}: {exc!r}; fetch the files again",
        ) from exc


def read_texts(folder: Path, project: str) -> SampleTexts:
    """Return the texts of a project's builds; empty if the folder has no texts of this project.

    Raises:
        NexusError: a file is missing or invalid.
    """
    changes = folder / f"{project}.changes.jsonl.gz"
    if not changes.exists():
        return NO_TEXTS
    try:
        with gzip.open(changes, "rt", encoding="utf-8") as lines:
            entries = [json.loads(line) for line in lines]
        files = {uid_of(entry["build_id"]): dict(entry["files"]) for entry in entries}
        with gzip.open(folder / f"{project}.test_code.json.gz", "rt", encoding="utf-8") as file:
            tests = {path: _test_text(each) for path, each in json.load(file).items()}
    except (OSError, EOFError, zlib.error, KeyError, ValueError, TypeError) as exc:
        raise NexusError(
            "NX909",
            f"Couldn't read the texts of {project} in {folder!s}: {exc!r}; fetch the files again",
        ) from exc
    return SampleTexts(files, tests, code_of(tests))


def lived(
    build: Build, executed: Mapping[TestKey, ExecutedChange] = MappingProxyType({})
) -> list[LabelledTest]:
    """Return the tests of a build with their real outcomes.

    Args:
        build: the build.
        executed: what its tests executed of its change, as far as that is known.
    """
    found = []
    for test, attempt in zip(build.tests, build.attempts, strict=True):
        has_failed = attempt.outcome in BAD
        setup, call, teardown = (
            None if phase is None else microseconds(phase.duration_s) for phase in attempt.phases
        )
        verdict = 0 if attempt.outcome == "skipped" else FAIL if has_failed else PASS
        seen = Observation(pack(attempt.phases), verdict, setup, call, teardown)
        found.append(
            LabelledTest(test, seen, has_failed, attempt.duration_s, executed.get(test.key))
        )
    return found


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
        run_uid=uid_of(row["build_id"]),
        started_at=float(row["timestamp"]),
        change=_change(row),
        n_collected=len(tests),
        n_selected=len(tests),
        duration_s=started_s,
        complete=True,
    )
    return Build(run, row["kind"], tuple(tests), tuple(attempts))


def uid_of(build_id: str) -> str:
    """Return the run_uid of a recorded build."""
    return hashlib.sha256(build_id.encode()).hexdigest()[:32]


def _change(row: Mapping[str, str]) -> Change:
    """Return the change that a predictor may see: the sources named for it, and all other files."""
    sources = [path for path in row["changed_src"].split("|") if path]
    others = [
        path
        for path in row["changed_files"].split("|")
        if path and path not in sources and not path.startswith("src/")
    ]
    files = tuple(ChangedFile(path, "M") for path in (*sources, *others))
    # Only `pass` runs the commit unchanged. The other kinds change its tree. So a test that fails
    # in one and passes in another build gives no evidence of flakiness.
    return Change(commit=row["commit"], dirty=row["kind"] != "pass", files=files)


def _test(nodeid: str) -> CollectedTest:
    key = key_of_nodeid(nodeid)
    return CollectedTest(NodeId(nodeid), key, function_of_key(key), nodeid.partition("::")[0])


def _attempt(test: CollectedTest, row: Mapping[str, str], started_s: float) -> Attempt:
    setup_s, call_s, teardown_s = (float(row[phase]) for phase in ("setup", "call", "teardown"))
    outcome = _outcome(row["outcome"])
    # The files have one outcome for each test. An error is outside the call; it is before the
    # call if the call took no time.
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


def _test_text(entry: Mapping[str, Any]) -> TestText:
    identifiers = {
        test: Counter(named) + Counter(test.split("::")) for test, named in entry["tests"].items()
    }
    return TestText(tuple(entry["imports"]), identifiers)


def _file(path: str, known: Mapping[str, Any] | None) -> FileChange:
    if known is None:
        return FileChange(path)
    words = Counter(known["identifiers"])
    words.update(known.get("context", ()))
    around = Counter(known.get("context", ()))
    return FileChange(path, known["added"] + known["deleted"], words, around)
