"""The net under a session: what fails in a part of nexus costs one line, and pytest goes on.

    part = net.part("recording", "the rest of this run is not recorded")
    part.register(config, recorder, "nexus-recorder")

Every hook of a registered object runs in the net. After its first exception a part is off: its
hooks do nothing for the rest of the session. An exception of anybody else passes: of another
plugin's hook that nexus called, of `pytest.exit`, of a wrong option, of the end of a session.
With `NEXUS_DEBUG=1` every exception passes.
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
from pytest_nexus.session.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from types import TracebackType

    T = TypeVar("T")

DEBUG_VARIABLE: Final = "NEXUS_DEBUG"
"""Environment variable with which exceptions are raised instead."""

_NOTICES: Final = "nexus_notices"
"""Where a worker says what failed in it."""

_PASSING: Final = (
    pytest.UsageError,
    pytest.exit.Exception,
    pytest.Session.Failed,
    pytest.Session.Interrupted,
)
"""What is raised on purpose, to be seen by pytest."""

_HOOK_CALL: Final = "_multicall"
"""Name of pluggy's function that calls the implementations of a hook, in whatever module."""
_PACKAGE: Final = Path(__file__).parents[1]
_MAX_MESSAGE_CHARS: Final = 160


class ErrorBoundary:
    """Knows the parts of a session and which of them failed; one for each process.

    Args:
        notices: takes a sentence for each part that failed; None for notices of its own.
    """

    def __init__(self, notices: Notices | None = None) -> None:
        self.notices = Notices() if notices is None else notices
        self.raises = originals.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
        self._parts: dict[str, Part] = {}
        self._speaks = False

    def part(self, name: str, loss: str) -> Part:
        """Return the part of a name, made at the first call.

        Args:
            name: of the feature, for the user.
            loss: what its failure means for the run.
        """
        if name not in self._parts:
            self._parts[name] = Part(self, name, loss)
        return self._parts[name]

    def register(self, config: pytest.Config) -> None:
        """Register what says which parts failed, where the terminal or a worker ends."""
        part = self.part("messages", "what failed is not shown")
        part.register(config, self, "nexus-net")

    def speak(self) -> None:
        """Say all sentences here, since the report that says them has failed."""
        self._speaks = True

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the report cannot say any more."""
        if self._speaks:
            for sentence in self.notices:
                terminalreporter.write_line(shown(f"nexus: {sentence}"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let a worker send what failed to the controller."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None and self.notices:
            output[_NOTICES] = list(self.notices)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what failed in a worker, once for all workers."""
        for sentence in getattr(node, "workeroutput", {}).get(_NOTICES, ()):
            self.notices.notify(sentence)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Say what failed where there is no terminal report at all."""
        has_terminal = config.pluginmanager.hasplugin("terminalreporter")
        is_worker = hasattr(config, "workerinput")
        if not has_terminal and not is_worker:
            for part in self._parts.values():
                if part.sentence:
                    sys.stderr.write(f"{shown(f'nexus: {part.sentence}')}\n")


class Part:
    """One feature of a session, which is on until something in it fails."""

    def __init__(self, net: ErrorBoundary, name: str, loss: str) -> None:
        self._net = net
        self._name = name
        self._loss = loss
        self.is_on = True
        self.sentence = ""
        """What failed; empty while nothing has."""
        self.on_failure: list[Callable[[], object]] = []
        """Called once, when the part is off."""

    def register(
        self,
        config: pytest.Config,
        plugin: object,
        name: str,
        instead: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Register an object with its hooks in the net.

        Args:
            config: of the session.
            plugin: has the hooks.
            name: of the plugin.
            instead: by hook: what is called in its place once the part is off.
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
        """Return a function in the net; it returns None, or calls `instead`, where it fails."""

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
        """Return what a function returns, or something else where it fails or the part is off."""
        if self.is_on:
            try:
                return function()
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self.catch(exc)
        return otherwise

    def catch(self, exc: Exception) -> None:
        """Switch the part off after an exception, to be called where it was caught.

        Raises:
            Exception: the same, where it is not of nexus or is to be seen.
        """
        if self._net.raises or isinstance(exc, _PASSING) or is_foreign(exc):
            raise exc
        if not self.sentence:
            self.sentence = (
                f"{self._name} failed and is off: {_told(exc)} ({place_of(exc)}); {self._loss};"
                f" {DEBUG_VARIABLE}=1 shows the traceback"
            )
            self._net.notices.notify(self.sentence)
        self.switch_off()

    def switch_off(self) -> None:
        """Switch the part off, and tell whoever depends on it."""
        if not self.is_on:
            return
        self.is_on = False
        for callback in self.on_failure:
            with suppress(Exception):  # one more failure of a part that is off
                callback()

    def _wrapper(self, function: Callable[..., Generator[None, Any, Any]]) -> Callable[..., Any]:
        """Return a wrapper of hooks in the net, which lets everything through where it fails."""

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
        """Let a wrapper end; of one whose part is off by now, only what it does in any case."""
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
        """Give an exception of the hooks inside to a wrapper, whose own one is caught."""
        try:
            around.throw(exc)
        except StopIteration as end:
            return end.value
        except Exception as own:  # noqa: BLE001 - whatever fails must not fail the run
            if own is not exc:
                self.catch(own)
        raise exc


def step_back(config: pytest.Config, exc: Exception) -> None:
    """Let a session go on without nexus, which could not be set up; called where it was caught.

    Raises:
        Exception: the same, where it is to be seen.
    """
    net = ErrorBoundary()
    net.part("the start of nexus", "this session runs without nexus").catch(exc)
    manager = config.pluginmanager
    for plugin in manager.get_plugins():
        if type(plugin).__module__.startswith(f"{__package__}."):
            manager.unregister(plugin)
    net.speak()
    net.register(config)


def is_foreign(exc: BaseException) -> bool:
    """Return whether an exception came out of a hook that was called where it was caught.

    Hooks of nexus let none out, so it is somebody else's, who would have failed without nexus.
    """
    codes = (one.tb_frame.f_code for one in _below(exc))
    return any(code.co_name == _HOOK_CALL and "pluggy" in code.co_filename for code in codes)


def place_of(exc: BaseException) -> str:
    """Return the innermost place in nexus of an exception, else the innermost of all."""
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
    """Yield what was called where an exception was caught, from the outermost."""
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
