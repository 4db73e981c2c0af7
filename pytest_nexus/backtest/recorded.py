"""The builds of `sample_history/` as the predictor sees them: with the text of each change."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.taken_back import text_of
from pytest_nexus.domain.evidence import ChangedWords, TestText
from pytest_nexus.domain.records import BAD
from pytest_nexus.errors import NexusError
from pytest_nexus.forecast.snapshot import code_of
from pytest_nexus.history.state.fold import Observation
from pytest_nexus.journal.encoding import FAIL, PASS, microseconds, pack
from pytest_nexus.predictor.schema import FileChange
from pytest_nexus.training.point_in_time import Lived

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.backtest.builds import Build
    from pytest_nexus.cli.taken_back import Files
    from pytest_nexus.predictor.schema import TestCode


@dataclass(frozen=True, slots=True)
class SampleTexts:
    """What the change of each build and the tests of a project say."""

    files: Mapping[str, Files]
    """By run_uid, by path: `added`, `deleted`, `identifiers`, `context`."""
    tests: Mapping[str, TestText]
    """By test file, at the last commit."""
    code: Mapping[str, TestCode]
    """The same as words."""

    def of(self, build: Build) -> list[FileChange]:
        """Return the changed files of a build, with their words where they are known."""
        known = self.files.get(build.run.run_uid, {})
        return [_file(file.path, known.get(file.path)) for file in build.run.change.files]

    def words(self, build: Build) -> dict[str, ChangedWords]:
        """Return the words of the changed files of a build, where they are known."""
        return {
            file.path: ChangedWords(file.words, file.around or {})
            for file in self.of(build)
            if file.words is not None
        }


NO_TEXTS: Final = SampleTexts({}, {}, {})
"""Where only the paths of the changed files are known."""


def read_texts(folder: Path, project: str) -> SampleTexts:
    """Return the texts of a project's builds; none where the folder has no texts of it.

    The files have no text for `fresh` and `regress` builds; `taken_back` says where it comes from.

    Raises:
        NexusError: a file is missing, or is not what it should be.
    """
    changes = folder / f"{project}.changes.jsonl.gz"
    if not changes.exists():
        return NO_TEXTS
    try:
        with gzip.open(changes, "rt", encoding="utf-8") as lines:
            entries = [json.loads(line) for line in lines]
        known: dict[str, Files] = {entry["build_id"]: entry["files"] for entry in entries}
        with gzip.open(folder / f"{project}.test_code.json.gz", "rt", encoding="utf-8") as file:
            tests = {path: _test_text(each) for path, each in json.load(file).items()}
        with gzip.open(folder / f"{project}.builds.csv.gz", "rt", encoding="utf-8") as rows:
            builds = sorted(csv.DictReader(rows), key=lambda row: int(row["seq"]))
        texts = {_uid(row["build_id"]): text_of(row, builds, known) for row in builds}
    except (OSError, EOFError, zlib.error, KeyError, ValueError, TypeError, csv.Error) as exc:
        raise NexusError(
            f"Couldn't read the texts of {project} in {folder!s}: {exc!r}; fetch the files again"
        ) from exc
    return SampleTexts(texts, tests, code_of(tests))


def lived(build: Build) -> list[Lived]:
    """Return the tests of a build as they turned out."""
    found = []
    for test, attempt in zip(build.tests, build.attempts, strict=True):
        has_failed = attempt.outcome in BAD
        setup, call, teardown = (
            None if phase is None else microseconds(phase.duration_s) for phase in attempt.phases
        )
        verdict = 0 if attempt.outcome == "skipped" else FAIL if has_failed else PASS
        seen = Observation(pack(attempt.phases), verdict, setup, call, teardown)
        found.append(Lived(test, seen, has_failed, attempt.duration_s))
    return found


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


def _uid(build_id: str) -> str:
    return hashlib.sha256(build_id.encode()).hexdigest()[:32]
