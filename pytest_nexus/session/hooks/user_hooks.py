"""Call the hooks of `hookspecs`, which users implement; an exception costs one line.

A hook is looked up at each call. If nobody implements it, it is not called.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_nexus.session.error_boundary import ErrorBoundary

    JSONValue = str | int | float | bool | None | list["JSONValue"] | dict[str, "JSONValue"]

_MAX_CHARS: Final = 160
_CAUGHT: Final = (Exception, pytest.fail.Exception, pytest.skip.Exception)
_PASSING: Final = (pytest.UsageError, pytest.exit.Exception)
"""Exceptions that are raised on purpose, to end the session."""


class UserHooks:
    """The hooks that users implement; one object per process.

    Args:
        config: of the session; None if nobody can implement a hook.
        boundary: the ErrorBoundary; takes sentences for the user, knows whether exceptions pass.
    """

    def __init__(self, config: pytest.Config | None, boundary: ErrorBoundary) -> None:
        self.config = config
        self._boundary = boundary
        self._off: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether a hook is implemented and has not failed yet."""
        return self.config is not None and bool(self._implementations(name))

    def first(self, name: str, **arguments: Any) -> Any:
        """Return the result of a hook whose first result counts; None for no result."""
        return self._call(name, None, arguments)

    def results(self, name: str, relay: Any = None, **arguments: Any) -> list[Any]:
        """Return the results of a hook, one for each plugin that returned one.

        Args:
            name: of the hook.
            relay: the hook relay of one item, with the hooks in force there; None for all hooks.
            arguments: of the hook.
        """
        found: list[Any] = self._call(name, relay, arguments) or []
        return found

    def refuse(self, name: str, value: object) -> None:
        """Report that a result of a hook cannot be used."""
        try:
            shown = " ".join(repr(value).split())[:_MAX_CHARS]
        except Exception:  # noqa: BLE001 - `repr` is the user's too
            shown = type(value).__name__
        self._boundary.notices.notify(
            with_code("NX252", f"the result of the hook {name} cannot be used: {shown}")
        )

    def fail(self, name: str, exc: BaseException, plugin: str = "") -> None:
        """Switch a hook off after an exception.

        Raises:
            BaseException: the same exception, if debugging is on.
        """
        if self._boundary.raises or isinstance(exc, _PASSING):
            raise exc
        culprit = plugin or self._culprit(name, exc)
        told = f"{type(exc).__name__}: {' '.join(str(exc).split())[:_MAX_CHARS]}"
        self._off.add(name)
        self._boundary.notices.notify(
            with_code("NX251", f"the hook {name} of {culprit} failed and is off: {told}")
        )

    def _call(self, name: str, relay: Any, arguments: dict[str, Any]) -> Any:
        if not self.has(name):
            return None
        assert self.config is not None
        try:
            return getattr(relay or self.config.hook, name)(**arguments)
        except _CAUGHT as exc:
            self.fail(name, exc)
        return None

    def _implementations(self, name: str) -> list[Any]:
        if name in self._off or self.config is None:
            return []
        caller = getattr(self.config.hook, name, None)
        return [] if caller is None else caller.get_hookimpls()

    def _culprit(self, name: str, exc: BaseException) -> str:
        """Return the name of the plugin whose implementation raised an exception."""
        codes = set(_codes(exc))
        for each in self._implementations(name):
            if getattr(inspect.unwrap(each.function), "__code__", None) in codes:
                return self._name_of(each)
        return "a plugin"

    def _name_of(self, implementation: Any) -> str:
        """Return the name of a plugin; for a conftest, its path relative to the rootdir."""
        assert self.config is not None
        name = str(implementation.plugin_name)
        if name.isdecimal():  # the id of an object that was registered without a name
            return type(implementation.plugin).__name__
        path, root = Path(name), self.config.rootpath
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else name


def usable(
    hooks: UserHooks, name: str, results: Iterable[Any], kind: type | tuple[type, ...]
) -> Iterator[Any]:
    """Yield the results of the expected kind, and report the others."""
    for each in results:
        if isinstance(each, kind):
            yield each
        else:
            hooks.refuse(name, each)


def _codes(exc: BaseException) -> Iterator[object]:
    found = exc.__traceback__
    while found is not None:
        yield found.tb_frame.f_code
        found = found.tb_next
