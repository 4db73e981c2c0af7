"""Notice which variables of the environment the code of the project reads.

The mapping `os.environ` stays what it is. Only the dictionary inside it is replaced by one that
reports its reads; `os.environ` keeps its type, its methods and its identity.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ALL: Final = "*"
"""Stands for all variables: the code went through all of them."""

_BETWEEN: Final = (os.__file__, "<frozen os>", "<frozen _collections_abc>", __file__)
_NEAR: Final = 2
"""How many frames near the read may be the project's; farther ones use a library that reads."""


class _Reported(dict[Any, Any]):
    """A dictionary that reports what is read; writing is not reported."""

    __slots__ = ("report",)
    report: Callable[[Any], None]

    def __getitem__(self, key: Any) -> Any:
        self.report(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self.report(None)
        return super().__iter__()


class EnvironReads:
    """Reports reads of `os.environ` by code near to the read.

    Args:
        on_read: called with the name, or `*`, and the nearest frame.
        is_ours: whether a frame runs code of the project.
    """

    def __init__(
        self, on_read: Callable[[str, FrameType], None], is_ours: Callable[[FrameType], bool]
    ) -> None:
        self._on_read = on_read
        self._is_ours = is_ours
        self._data: dict[Any, Any] | None = None

    def start(self) -> bool:
        """Begin to report; return False if this Python keeps its environment differently."""
        data = getattr(os.environ, "_data", None)
        if type(data) is not dict:
            return False
        reported = _Reported(data)
        reported.report = self._report
        self._data = data
        os.environ._data = reported  # type: ignore[attr-defined] # noqa: SLF001 - see above
        return True

    def stop(self) -> None:
        """Put a plain dictionary back, with what it contains now."""
        data = getattr(os.environ, "_data", None)
        if type(data) is _Reported:
            os.environ._data = dict(dict.items(data))  # type: ignore[attr-defined] # noqa: SLF001 - see above

    def _report(self, key: Any) -> None:
        frame = sys._getframe(2)  # noqa: SLF001 - the documented way to the caller
        left = _NEAR
        nearest: FrameType | None = frame
        while nearest is not None and left:
            if nearest.f_code.co_filename not in _BETWEEN:
                if self._is_ours(nearest):
                    name = ALL if key is None else _text(key)
                    self._on_read(name, nearest)
                    return
                left -= 1
            nearest = nearest.f_back


def _text(key: Any) -> str:
    return os.fsdecode(key) if isinstance(key, bytes) else str(key)
