"""Store the probes of a bisection in a file, so that an interrupted bisection can continue."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import warn
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import with_code
from pytest_nexus.impact.changes import find_change
from pytest_nexus.journal.writer import make_folder
from pytest_nexus.plan.order_dependence.bisection import Ending
from pytest_nexus.project import history_path, project_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.bisection import Probe

_FORMAT: Final = 1
_MAX_BYTES: Final = 16 * 1024 * 1024
_DIGITS: Final = 16


class Kept(NamedTuple):
    """One probe, as stored."""

    before: str
    """Digest of the tests that ran before the test in question."""
    ending: Ending
    why: str
    seconds: float


class KeptProbes:
    """The stored probes of one bisection.

    Args:
        path: the file; if it is damaged, one line is printed and the bisection starts again.
        stamp: the conditions under which the probes are valid, see `stamp_of`.
    """

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp
        self._all: list[Kept] = _read(path, stamp)
        self._left: dict[str, list[Kept]] = defaultdict(list)
        for each in self._all:
            self._left[each.before].append(each)

    def __len__(self) -> int:
        return len(self._all)

    def take(self, before: Probe) -> Kept | None:
        """Return a stored probe that was not taken yet; None if there is none."""
        left = self._left[_digest(*before)]
        return left.pop(0) if left else None

    def add(self, before: Probe, ending: Ending, why: str, seconds: float) -> None:
        """Store one more probe; the file is replaced as a whole."""
        self._all.append(Kept(_digest(*before), ending, why, seconds))
        make_folder(self._path.parent.parent)
        self._path.parent.mkdir(exist_ok=True)
        text = json.dumps({"format": _FORMAT, "stamp": self._stamp, "probes": self._all})
        atomic_write(self._path, text)

    def forget(self) -> None:
        """Delete the file, because the bisection is finished or starts again."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # the file does not exist, or the folder is not empty
            self._path.parent.rmdir()
        self._all.clear()
        self._left.clear()


def state_path(given: str | None, key: TestKey) -> Path:
    """Return the state file of a test's bisection, beside the history."""
    return history_path(given).parent / "bisect" / f"{_digest(key)}.json"


def stamp_of(key: TestKey, tests: Sequence[CollectedTest], arguments: Sequence[str]) -> str:
    """Return the stamp of valid probes: the test, the suite, the arguments and the code.

    The code is represented by the commit, and by time and size of each test file and each changed
    file. So files that the tests leave behind do not change the stamp.
    """
    root = project_root(Path.cwd())
    change = find_change(root, None, originals.environ)
    paths = {test.path for test in tests}
    paths |= {file.path for file in change.files if file.status != "A"}
    files = [(path, *_look(root / path)) for path in sorted(paths)]
    keys = [test.key for test in tests]
    return _digest(json.dumps([key, keys, list(arguments), change.commit, files]))


def _look(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _digest(*texts: str) -> str:
    joined = "\n".join(texts).encode("utf-8", "surrogatepass")
    return sha256(joined).hexdigest()[:_DIGITS]


def _read(path: Path, stamp: str) -> list[Kept]:
    try:
        found: Any = json.loads(read_text(path, _MAX_BYTES))
        if found["format"] != _FORMAT or found["stamp"] != stamp:
            warn(
                with_code(
                    "NX755",
                    f"nexus: the suite changed since {path!s} was written:"
                    " the bisection starts again",
                )
            )
            return []
        return [_kept(*row) for row in found["probes"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
        warn(with_code("NX756", f"nexus: {path!s} is damaged: the bisection starts again: {exc!r}"))
        return []


def _kept(before: str, ending: Any, why: str, seconds: float) -> Kept:
    if ending not in get_args(Ending):
        raise ValueError(f"no ending of a probe: {ending!r}")
    return Kept(str(before), ending, str(why), float(seconds))
