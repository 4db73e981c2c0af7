"""Notice which variables of the environment the code of the project reads.

The mappings `os.environ` and `os.environb` stay what they are. Only the dictionary inside them is
replaced by one that reports its reads; the mappings keep type, methods and identity.
"""

from __future__ import annotations

import copy
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ALL: Final = "*"
"""Stands for all variables: the code went through all of them."""

_BETWEEN: Final = (os.__file__, copy.__file__, "<frozen os>", "<frozen _collections_abc>", __file__)
_MONKEYPATCHED: Final = pytest.MonkeyPatch.setitem.__code__
CURRENT_TEST: Final = os.environ.encodekey("PYTEST_CURRENT_TEST")
"""Pytest sets this variable three times in each test, to the same values in each session. What it
was at the start of the session does not count from then on, whoever reads it."""
_NEAR: Final = 2
"""How many frames near the read may be the project's; farther ones use a library that reads."""


_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller; tests replace it


class _Reported(dict[Any, Any]):
    """A dictionary that reports what is read and written. Copies are plain."""

    __slots__ = ("own", "report", "written")

    def __init__(
        self,
        data: dict[Any, Any],
        report: Callable[[Any], None],
        written: Callable[[Any], None],
        own: set[Any],
    ) -> None:
        super().__init__(data)
        self.report = report
        self.written = written
        self.own = own

    def __getitem__(self, key: Any) -> Any:
        self.report(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key == CURRENT_TEST:
            self.own.add(key)
        else:
            self.written(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.written(key)
        super().__delitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self.report(None)
        return super().__iter__()

    def __len__(self) -> int:
        self.report(None)
        return super().__len__()

    def items(self) -> Any:
        self.report(None)
        return super().items()

    def __reduce_ex__(self, _protocol: object) -> tuple[type, tuple[dict[Any, Any]]]:
        return dict, (dict(self.items()),)


class EnvironReads:
    """Reports reads of `os.environ` by code near to the read.

    Args:
        on_read: called with the name, or `*`, and the nearest frame.
        is_ours: whether a frame runs code of the project.
        on_failure: called if a read could not be followed.
    """

    def __init__(
        self,
        on_read: Callable[[str, FrameType], None],
        is_ours: Callable[[FrameType], bool],
        on_failure: Callable[[], None],
    ) -> None:
        self._on_failure = on_failure
        self._on_read = on_read
        self._is_ours = is_ours
        self._data: dict[Any, Any] | None = None
        self._own: set[Any] = set()
        """Variables that the project or pytest has set in this part of a scope."""
        self.lost: list[Any] = []
        """Names for which no room was left on the stack."""

    def start(self) -> bool:
        """Begin to report; return False if this Python keeps its environment differently."""
        data = getattr(os.environ, "_data", None)
        if type(data) is not dict:
            return False
        reported = _Reported(
            data, self._guarded(self._report), self._guarded(self._written), self._own
        )
        self._data = data
        _put(reported, instead_of=data)
        return True

    def stop(self) -> None:
        """Put the plain dictionary back, with what the environment contains now."""
        reported = getattr(os.environ, "_data", None)
        if type(reported) is _Reported and self._data is not None:
            self._data.clear()
            self._data.update(dict.items(reported))
            _put(self._data, instead_of=reported)

    def _guarded(self, report: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a function that never raises: it is called where users' code reads a variable."""

        def call(key: Any) -> None:
            try:
                report(key)
            except RecursionError:
                self.lost.append(key)
            except Exception:  # noqa: BLE001 - see above
                self._on_failure()

        return call

    def begin_part(self) -> None:
        """Take no variable any more for one that the code of the project has set."""
        self._own.clear()

    def _written(self, key: Any) -> None:
        """Note that the project set a variable itself: what it was before does not count.

        Whoever else writes may put back what it was. So does the undoing of `monkeypatch`.
        """
        frame: FrameType | None = _frame(3)
        while frame is not None and frame.f_code.co_filename in _BETWEEN:
            frame = frame.f_back
        if frame is not None and (frame.f_code is _MONKEYPATCHED or self._is_ours(frame)):
            self._own.add(key)
        else:
            self._own.discard(key)

    def _report(self, key: Any) -> None:
        if key in self._own:
            return
        frame = _frame(3)
        left = _NEAR
        nearest: FrameType | None = frame
        while nearest is not None and left:
            if nearest.f_code is _MONKEYPATCHED:
                return  # it keeps the value to put it back
            if nearest.f_code.co_filename not in _BETWEEN:
                if self._is_ours(nearest):
                    name = ALL if key is None else _text(key)
                    self._on_read(name, nearest)
                    return
                left -= 1
            nearest = nearest.f_back


def _put(data: dict[Any, Any], *, instead_of: dict[Any, Any]) -> None:
    """Replace the dictionary that `os.environ` and `os.environb` share."""
    for mapping in (os.environ, getattr(os, "environb", None)):
        if getattr(mapping, "_data", None) is instead_of:
            vars(mapping)["_data"] = data


def _text(key: Any) -> str:
    return os.fsdecode(key) if isinstance(key, bytes) else str(key)
