"""The answers of `nexus bisect` that are stored: what the test did at each commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pytest_nexus.errors import with_code
from pytest_nexus.launch.kept.kept_file import KeptFile, KeptKind, short_digest
from pytest_nexus.plan.culprit.beliefs import Answer
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class KeptAnswer(NamedTuple):
    """One run of the test, as stored."""

    commit: str
    answer: Answer
    why: str
    """The exception of a failure in one line, or why there is no answer."""
    seconds: float


def kept_answers(path: Path, stamp: str) -> KeptFile[KeptAnswer]:
    """Return the stored answers of one search, see `stamp_of`."""
    return KeptFile(path, stamp, _KIND)


def answers_path(given: str | None, nodeid: str) -> Path:
    """Return the file for the search about a test, beside the history."""
    return history_path(given).parent / "culprit" / f"{short_digest(nodeid)}.json"


def stamp_of(nodeid: str, good: str, bad: str, arguments: Sequence[str]) -> str:
    """Return the stamp of valid answers. They hold for a commit, whatever is checked out now."""
    return short_digest(json.dumps([nodeid, good, bad, list(arguments)]))


def _kept(commit: str, answer: Any, why: str, seconds: float) -> KeptAnswer:
    if answer not in get_args(Answer):
        raise ValueError(f"an answer {answer!r}")
    return KeptAnswer(str(commit), answer, str(why), float(seconds))


def _damaged(path: str, why: str) -> str:
    return with_code("NX654", f"nexus: {path} is damaged: the search starts again: {why}")


_KIND: Final = KeptKind(_kept, _damaged)
