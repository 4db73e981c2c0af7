"""Contain the errors of nexus: a failing part costs one line of output, and pytest goes on.

    part = net.part("recording", "the rest of this run is not recorded")
    part.register(config, recorder, "nexus-recorder")

Every hook of a registered object runs inside the ErrorBoundary. After its first exception a part is
off: its hooks do nothing for the rest of the session. Exceptions that nexus did not cause pass
through: those of another plugin's hook that nexus called, of `pytest.exit`, of a wrong option, and
of the end of a session. With `NEXUS_DEBUG=1` every exception passes through.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import with_code
from pytest_nexus.session.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from types import TracebackType

    T = TypeVar("T")

DEBUG_VARIABLE: Final = "NEXUS_DEBUG"
"""Environment variable that makes nexus raise its exceptions instead of catching them."""

_NOTICES: Final = "nexus_notices"
"""Key under which a worker reports its failures."""

_PASSING: Final = (
    pytest.UsageError,
    pytest.exit.Exception,
    pytest.Session.Failed,
    pytest.Session.Interrupted,
)
"""Exceptions that are raised on purpose, for pytest to see."""

_HOOK_CALL: Final = "_multicall"
"""Name of pluggy's function that calls the implementations of a hook, whatever its module."""
_PACKAGE: Final = Path(__file__).parents[1]
_MAX_MESSAGE_CHARS: Final = 160


class ErrorBoundary:
    """Holds the parts of a session and knows which of them failed; one per process.

    Args:
        notices: takes a sentence for each part that failed; None to create new notices.
    """

    def __init__(self, notices: Notices | None = None) -> None:
        self.notices = Notices() if notices is None else notices
        self.raises = originals.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
        self._parts: dict[str, Part] = {}
        self._speaks = False

    def part(self, name: str, loss: str) -> Part:
        """Return the part with a name, created at the first call.

        Args:
            name: of the feature, for the user.
            loss: what the failure of the part means for the run.
        """
        if name not in self._parts:
            self._parts[name] = Part(self, name, loss)
        return self._parts[name]

    def register(self, config: pytest.Config) -> None:
        """Register the hooks that report failed parts, at the end of the session or of a worker."""
        part = self.part("messages", "what failed is not shown")
        part.register(config, self, "nexus-net")

    def speak(self) -> None:
        """Show all sentences from here, because the report that shows them has failed."""
        self._speaks = True

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the sentences if the report has failed."""
        if self._speaks:
            for sentence in self.notices:
                terminalreporter.write_line(shown(f"nexus: {sentence}"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the failures of a worker to the controller."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None and self.notices:
            output[_NOTICES] = list(self.notices)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the failures of a worker; each sentence is kept once for all workers."""
        for sentence in getattr(node, "workeroutput", {}).get(_NOTICES, ()):
            self.notices.notify(sentence)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Write the failures to stderr if there is no terminal report."""
        has_terminal = config.pluginmanager.hasplugin("terminalreporter")
        is_worker = hasattr(config, "workerinput")
        if not has_terminal and not is_worker:
            for part in self._parts.values():
                if part.sentence:
                    sys.stderr.write(f"{shown(f'nexus: {part.sentence}')}\n")


class Part:
    """One feature of a session; it is on until something in it fails."""

    def __init__(self, boundary: ErrorBoundary, name: str, loss: str) -> None:
        self._boundary = boundary
        self._name = name
        self._loss = loss
        self.is_on = True
        self.sentence = ""
        """The message about the failure; empty while nothing has failed."""
        self.on_failure: list[Callable[[], object]] = []
        """Functions that are called once when the part is switched off."""

    def register(
        self,
        config: pytest.Config,
        plugin: object,
        name: str,
        instead: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Register an object so that its hooks run inside the ErrorBoundary.

        Args:
            config: of the session.
            plugin: the object with the hooks.
            name: of the plugin.
            instead: by hook, the function that replaces the hook once the part is off.
        """
        for hook in dir(type(plugin)):
            if hook.startswith("pytest_"):
                function = getattr(plugin, hook)
                is_wrapper = inspect.isgeneratorfunction(function)
                caught = (
                    self._wrapper(function)
                    if is_wrapper
                    else self.cover(function, (instead or {}).get(hook))
                )
                setattr(plugin, hook, caught)
        config.pluginmanager.register(plugin, name)

    def cover(
        self, function: Callable[..., T], instead: Callable[..., Any] | None = None
    ) -> Callable[..., T]:
        """Return a guarded function; after a failure, it returns None or calls `instead`."""

        @wraps(function)
        def caught(*args: Any, **kwargs: Any) -> Any:
            if self.is_on:
                try:
                    return function(*args, **kwargs)
                except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                    self.catch(exc)
            return None if instead is None else instead(*args, **kwargs)

        return caught

    def call(self, function: Callable[[], T], otherwise: T) -> T:
        """Return the result of a function; `otherwise` if the function fails or the part is off."""
        if self.is_on:
            try:
                return function()
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self.catch(exc)
        return otherwise

    def catch(self, exc: Exception) -> None:
        """Switch the part off after an exception; to be called where the exception was caught.

        Raises:
            Exception: the same exception, if nexus did not cause it or if debugging is on.
        """
        if self._boundary.raises or isinstance(exc, _PASSING) or is_foreign(exc):
            raise exc
        if not self.sentence:
            self.sentence = with_code(
                "NX222",
                f"{self._name} failed and is off: {_told(exc)} ({place_of(exc)}); {self._loss};"
                f" {DEBUG_VARIABLE}=1 shows the traceback",
            )
            self._boundary.notices.notify(self.sentence)
        self.switch_off()

    def switch_off(self) -> None:
        """Switch the part off, and tell everything that depends on it."""
        if not self.is_on:
            return
        self.is_on = False
        for callback in self.on_failure:
            with suppress(Exception):  # another failure of a part that is off
                callback()

    def _wrapper(self, function: Callable[..., Generator[None, Any, Any]]) -> Callable[..., Any]:
        """Return a guarded hook wrapper, which lets everything through after a failure."""

        @wraps(function)
        def caught(*args: Any) -> Generator[None, Any, Any]:
            around = self.call(partial(_started, function, args), None)
            if around is None:
                return (yield)
            try:
                result = yield
            except BaseException as exc:  # noqa: BLE001 - raised again, as the hooks inside did
                return self._pass(around, exc)
            return self._end(around, result)

        return caught

    def _end(self, around: Generator[None, Any, Any], result: Any) -> Any:
        """End a wrapper; if its part is off by now, only run its unconditional clean-up."""
        try:
            if not self.is_on:
                around.close()
                return result
            around.send(result)
        except StopIteration as end:
            return end.value
        except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
            self.catch(exc)
        return result

    def _pass(self, around: Generator[None, Any, Any], exc: BaseException) -> Any:
        """Pass an exception of the inner hooks to a wrapper; catch the wrapper's own one."""
        try:
            around.throw(exc)
        except StopIteration as end:
            return end.value
        except Exception as own:  # noqa: BLE001 - whatever fails must not fail the run
            if own is not exc:
                self.catch(own)
        raise exc


def step_back(config: pytest.Config, exc: Exception) -> None:
    """Continue a session without nexus after its set-up failed; called where that was caught.

    Raises:
        Exception: the same exception, if debugging is on.
    """
    boundary = ErrorBoundary()
    boundary.part("the start of nexus", "this session runs without nexus").catch(exc)
    manager = config.pluginmanager
    for plugin in manager.get_plugins():
        if type(plugin).__module__.startswith(f"{__package__}."):
            manager.unregister(plugin)
    boundary.speak()
    boundary.register(config)


def is_foreign(exc: BaseException) -> bool:
    """Return whether an exception came out of a hook that was called where it was caught.

    Hooks of nexus let no exception out. The exception therefore comes from another plugin, and
    would also have occurred without nexus.
    """
    codes = (one.tb_frame.f_code for one in _below(exc))
    return any(code.co_name == _HOOK_CALL and "pluggy" in code.co_filename for code in codes)


def place_of(exc: BaseException) -> str:
    """Return the innermost place of an exception in nexus, else the innermost place of all."""
    place = "?"
    is_ours = False
    for one in _below(exc):
        path = Path(one.tb_frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            place = f"{path.relative_to(_PACKAGE.parent).as_posix()}:{one.tb_lineno}"
            is_ours = True
        elif not is_ours:
            place = f"{path.name}:{one.tb_lineno}"
    return place


def _below(exc: BaseException) -> Iterator[TracebackType]:
    """Yield the calls below the place where an exception was caught, from the outermost."""
    found = exc.__traceback__.tb_next if exc.__traceback__ is not None else None
    while found is not None:
        yield found
        found = found.tb_next


def _told(exc: BaseException) -> str:
    message = " ".join(str(exc).split())[:_MAX_MESSAGE_CHARS]
    name = type(exc).__name__
    return f"{name}: {message}" if message else name


def _started(
    function: Callable[..., Generator[None, Any, Any]], args: tuple[Any, ...]
) -> Generator[None, Any, Any]:
    around = function(*args)
    next(around)
    return around
