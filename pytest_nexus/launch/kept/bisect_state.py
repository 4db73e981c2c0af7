"""The probes of `nexus order bisect` that are stored."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pytest_nexus.domain.system import originals
from pytest_nexus.errors import with_code
from pytest_nexus.impact.changes import find_change
from pytest_nexus.launch.kept.kept_file import KeptFile, KeptKind, short_digest
from pytest_nexus.plan.order_dependence.bisection import Ending
from pytest_nexus.project import history_path, project_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.bisection import Probe


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
        self._file: KeptFile[Kept] = KeptFile(path, stamp, _KIND)
        self._left: dict[str, list[Kept]] = defaultdict(list)
        for each in self._file.rows:
            self._left[each.before].append(each)

    def __len__(self) -> int:
        return len(self._file.rows)

    def take(self, before: Probe) -> Kept | None:
        """Return a stored probe that was not taken yet; None if there is none."""
        left = self._left[short_digest(*before)]
        return left.pop(0) if left else None

    def add(self, before: Probe, ending: Ending, why: str, seconds: float) -> None:
        """Store one more probe."""
        self._file.add(Kept(short_digest(*before), ending, why, seconds))

    def forget(self) -> None:
        """Delete the file, because the bisection is finished or starts again."""
        self._file.forget()
        self._left.clear()


def state_path(given: str | None, key: TestKey) -> Path:
    """Return the state file of a test's bisection, beside the history."""
    return history_path(given).parent / "bisect" / f"{short_digest(key)}.json"


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
    return short_digest(json.dumps([key, keys, list(arguments), change.commit, files]))


def _look(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _kept(before: str, ending: Any, why: str, seconds: float) -> Kept:
    if ending not in get_args(Ending):
        raise ValueError(f"no ending of a probe: {ending!r}")
    return Kept(str(before), ending, str(why), float(seconds))


def _damaged(path: str, why: str) -> str:
    return with_code("NX756", f"nexus: {path} is damaged: the bisection starts again: {why}")


def _outdated(path: str) -> str:
    return with_code(
        "NX755", f"nexus: the suite changed since {path} was written: the bisection starts again"
    )


_KIND: Final = KeptKind(_kept, _damaged, _outdated)
