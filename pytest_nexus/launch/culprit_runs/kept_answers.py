"""Store what happened at each commit in a file, so that an interrupted search can continue."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pytest_nexus.domain.system.console import warn
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import with_code
from pytest_nexus.journal.writer import make_folder
from pytest_nexus.plan.culprit.beliefs import Answer
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FORMAT: Final = 1
_MAX_BYTES: Final = 16 * 1024 * 1024
_DIGITS: Final = 16


class KeptAnswer(NamedTuple):
    """One run of the test, as stored."""

    commit: str
    answer: Answer
    why: str
    """The exception of a failure in one line, or why there is no answer."""
    seconds: float


class KeptAnswers:
    """The file of one search.

    Args:
        path: the file; if it is damaged, one line is printed and the search starts again.
        stamp: the conditions under which the answers are valid, see `stamp_of`.
    """

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp
        found = _read(path)
        self.left_folder = "" if found is None else found[1]
        """Folder of the worktree of a killed command; empty if there is none."""
        is_valid = found is not None and found[0] == stamp
        self.answers: list[KeptAnswer] = found[2] if found is not None and is_valid else []

    def add(self, answer: KeptAnswer) -> None:
        """Store one more answer; the file is replaced as a whole."""
        self.answers.append(answer)
        self._write()

    def name_folder(self, folder: str) -> None:
        """Store where the worktree is, before it exists; empty after it was removed."""
        self.left_folder = folder
        self._write()

    def forget(self) -> None:
        """Delete the file, because the search is finished or starts again."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder does not exist, or is not empty
            self._path.parent.rmdir()
        self.answers.clear()

    def _write(self) -> None:
        make_folder(self._path.parent.parent)
        self._path.parent.mkdir(exist_ok=True)
        document = {
            "format": _FORMAT,
            "stamp": self._stamp,
            "folder": self.left_folder,
            "answers": self.answers,
        }
        atomic_write(self._path, json.dumps(document))


def answers_path(given: str | None, nodeid: str) -> Path:
    """Return the file for the search about a test, beside the history."""
    return history_path(given).parent / "culprit" / f"{_digest(nodeid)}.json"


def stamp_of(nodeid: str, good: str, bad: str, arguments: Sequence[str]) -> str:
    """Return the stamp of valid answers. They hold for a commit, whatever is checked out now."""
    return _digest(json.dumps([nodeid, good, bad, list(arguments)]))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _read(path: Path) -> tuple[str, str, list[KeptAnswer]] | None:
    try:
        found: Any = json.loads(read_text(path, _MAX_BYTES))
        if found["format"] != _FORMAT:
            return None
        return str(found["stamp"]), str(found["folder"]), [_kept(*row) for row in found["answers"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
        warn(with_code("NX654", f"nexus: {path!s} is damaged: the search starts again: {exc}"))
        return None


def _kept(commit: str, answer: Any, why: str, seconds: float) -> KeptAnswer:
    if answer not in get_args(Answer):
        raise ValueError(f"an answer {answer!r}")
    return KeptAnswer(str(commit), answer, str(why), float(seconds))
