"""Fork sessions from a process that has imported pytest, and start no interpreter for them.

The imports are most of what a small session costs. A warm parent has imported what a session
imports before it reads the first file of a suite, and no more; see `warm_parent`. Tests about
starts, interpreters or imports have the marker `plain_start`, and nothing is forked for them.
"""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest.config import default_plugins

from tests.support import warm_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

_PYTEST: Final = ("pytest", *(f"_pytest.{name}" for name in default_plugins), "pytest_nexus.plugin")
_BRIEF: Final = ("pytest_nexus.registration.controller",)
_WHOLE: Final = (
    "pytest_nexus.impact.changes",
    "pytest_nexus.session.history_view",
    "pytest_nexus.plan.make",
)
ALONE: Final = (_PYTEST, _BRIEF, _WHOLE)
"""What a session imports early: without nexus, with some files named, and else."""

_DISTRIBUTED: Final = (("execnet", *_PYTEST), _BRIEF, _WHOLE)
_WORKER: Final = (("execnet", *_PYTEST),)
_COMMAND: Final = (
    (
        *("argparse", "json", "pytest", "_pytest.config", "subprocess"),
        *("pytest_nexus.cli.arguments.parser", "pytest_nexus.journal.encoding"),
        *("pytest_nexus.options", "pytest_nexus.project"),
    ),
)
"""What each command imports."""

_SETTINGS: Final = ("PYTHON", "LANG", "LC_", "TZ", "COVERAGE_")
"""Variables that an interpreter reads when it starts."""

_USUAL: Final = {"PYTHONPATH", "LANG", "LC_ALL"}
_START: Final = (
    "import sys; sys.path.insert(0, {folder!r}); import warm_parent; del sys.path[0]; "
    "warm_parent.main({listeners}, {stages})"
)


class _Parents:
    """Parents of one kind: one for each stage of imports."""

    def __init__(
        self,
        base: Path,
        python: Sequence[str],
        environ: Mapping[str, str],
        stages: Sequence[Sequence[str]],
    ) -> None:
        base.mkdir()
        self.addresses = [str(base / str(number)) for number in range(len(stages))]
        with ExitStack() as sockets:
            listeners = [sockets.enter_context(socket.socket(socket.AF_UNIX)) for _ in stages]
            for listener, address in zip(listeners, self.addresses, strict=True):
                listener.bind(address)
                listener.listen()
            numbers = [listener.fileno() for listener in listeners]
            folder = str(Path(warm_parent.__file__).parent)
            code = _START.format(folder=folder, listeners=numbers, stages=stages)
            self._process = subprocess.Popen(
                [*python, "-c", code], cwd=base, env=environ, pass_fds=numbers,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,  # no file, as for a child
            )  # fmt: skip

    def end(self) -> None:
        self._process.communicate()


class _Parenthood:
    """All warm parents of this process, each started when the first session needs it."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._base: Path | None = None
        self._parents: dict[tuple[object, ...], _Parents] = {}

    def end(self) -> None:
        for each in self._parents.values():
            each.end()
        self._parents.clear()
        if self._base is not None:
            shutil.rmtree(self._base)
            self._base = None

    def addresses(
        self,
        kind: str,
        python: Sequence[str],
        environ: Mapping[str, str],
        stages: Sequence[Sequence[str]],
    ) -> list[str]:
        """Return where the parents of a kind listen; interpreter and settings are part of it."""
        settings = tuple(sorted((k, v) for k, v in environ.items() if k.startswith(_SETTINGS)))
        key = (kind, *python, settings)
        if key not in self._parents:
            self._base = self._base or Path(tempfile.mkdtemp(prefix="warm-"))
            base = self._base / str(len(self._parents))
            self._parents[key] = _Parents(base, python, environ, stages)
        return self._parents[key].addresses


_PARENTHOOD: Final = _Parenthood()


@contextmanager
def allowed(*, is_forked: bool = True) -> Iterator[None]:
    """Fork the sessions that are run in this context, where the system can and the test may."""
    before = _PARENTHOOD.is_wanted
    _PARENTHOOD.is_wanted = is_forked and sys.platform == "linux"
    try:
        yield
    finally:
        _PARENTHOOD.is_wanted = before


@contextmanager
def forked_from_here() -> Iterator[None]:
    """Fork the sessions that commands in this process start, where the test may fork sessions."""
    if not _PARENTHOOD.is_wanted:
        yield
        return
    address = _PARENTHOOD.addresses("alone", [sys.executable], os.environ, ALONE)[0]
    with pytest.MonkeyPatch.context() as patched:
        for name in ("_execute_child", "_internal_poll", "_try_wait"):
            patched.setattr(subprocess.Popen, name, getattr(subprocess.Popen, name))  # undone later
        warm_parent.fork_sessions(address)
        yield


def forking_in(folder: Path) -> Callable[[pytest.Item], Generator[None, Any, Any]]:
    """Return `pytest_runtest_protocol` for the conftest of a folder: its tests fork their sessions.

    pytest calls the hook for the tests of every folder, once it has read that conftest.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
        if folder not in item.path.parents:
            return (yield)
        with allowed(is_forked=item.get_closest_marker("plain_start") is None):
            return (yield)

    return pytest_runtest_protocol


def pytest_sessionfinish() -> None:
    """Hook for the same conftest."""
    end()


def end() -> None:
    """End all parents; the next session that needs one starts it again."""
    _PARENTHOOD.end()


def may_be_warm(environ: Mapping[str, str]) -> bool:
    """Return whether this test allows it, and nothing asks for another start of the interpreter."""
    return command_may_be_warm(environ) and environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") == "1"


def command_may_be_warm(environ: Mapping[str, str]) -> bool:
    """The same for a command, whose sessions may load plugins by themselves."""
    special = {name for name in environ if name.startswith(_SETTINGS)} - _USUAL
    return _PARENTHOOD.is_wanted and not special


def run(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    timeout_s: float,
    limits: Mapping[int, int] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pytest` to its end, as `subprocess.run` does with captured text.

    `limits`: of resources, as `setrlimit` takes them.

    The workers of a session come from two parents, and the session from a third: all children of a
    parent have one seed for their hashes, and a worker must not depend on the controller's.

    Raises:
        subprocess.TimeoutExpired: the session, which is ended then, took too long.
    """
    python, _, _, *arguments = command
    kind, stages = ("distributed", _DISTRIBUTED) if "xdist" in arguments else ("alone", ALONE)
    address = _PARENTHOOD.addresses(kind, [python], environ, stages)[_stage(arguments)]
    workers = worker_parents(python, environ) if kind == "distributed" else []
    return _finished(
        address,
        command,
        folder,
        environ,
        timeout_s,
        workers=workers,
        limits=list((limits or {}).items()),
    )


def run_command(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """The same for `python -m pytest_nexus.cli.main`, and for the sessions that it starts."""
    python = [command[0]]
    (address,) = _PARENTHOOD.addresses("command", python, environ, _COMMAND)
    sessions = _PARENTHOOD.addresses("alone", python, environ, ALONE)[0]
    return _finished(address, command, folder, environ, timeout_s, workers=[], sessions=sessions)


def _finished(
    address: str,
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    timeout_s: float,
    **more: object,
) -> subprocess.CompletedProcess[str]:
    asked = {"command": command, "folder": str(folder), "environ": environ, **more}
    sys.audit("subprocess.Popen", command[0], command, folder, environ)
    status, texts = _run(address, asked, timeout_s)
    stdout, stderr = (text.decode("utf-8", "replace").replace("\r\n", "\n") for text in texts)
    return subprocess.CompletedProcess(command, status, stdout, stderr)


def worker_parents(python: str, environ: Mapping[str, str]) -> list[str]:
    """Return the addresses of the two parents that fork workers for sessions in an environment."""
    return [
        address
        for name in ("even", "odd")
        for address in _PARENTHOOD.addresses(name, [python, "-u"], environ, _WORKER)
    ]


def _stage(arguments: Sequence[str]) -> int:
    if "--nexus" not in arguments:
        return 0
    return 1 if any("::" in one or one.endswith(".py") for one in arguments) else 2


def _run(address: str, asked: dict[str, object], timeout_s: float) -> tuple[int, list[bytes]]:
    deadline = time.monotonic() + timeout_s
    (out, their_out), (error, their_error) = os.pipe(), os.pipe()
    with os.fdopen(out, "rb", 0) as stdout, os.fdopen(error, "rb", 0) as stderr:
        try:
            process = warm_parent.Forked(address, asked, (0, their_out, their_error))
        finally:
            os.close(their_out)
            os.close(their_error)
        try:
            texts = _read_all([stdout.fileno(), stderr.fileno()], deadline)
            status = process.wait(max(deadline - time.monotonic(), 0.0))
        finally:
            process.kill()
    if texts is None or status is None:
        raise subprocess.TimeoutExpired(str(asked["command"]), timeout_s)
    return status, texts


def _read_all(sources: Sequence[int], deadline: float) -> list[bytes] | None:
    """Return what comes from each source until its end; None if the time is over before."""
    texts = {source: bytearray() for source in sources}
    with selectors.DefaultSelector() as selector:
        for source in sources:
            selector.register(source, selectors.EVENT_READ)
        while selector.get_map():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            for key, _ in selector.select(left_s):
                data = os.read(key.fd, 1 << 16)
                texts[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
    return [bytes(texts[source]) for source in sources]
