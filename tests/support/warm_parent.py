"""A process that has imported pytest, and forks a child for each session or worker asked for.

A child becomes what its command line says, with the folder, environment and streams of the one who
asks. It runs in the main thread and ends as an interpreter ends. This file imports no other module
of the tests, because it also runs in other interpreters. Suites replace functions of the standard
library, so those that start their workers are bound here.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import selectors
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import cycle
from json import dumps, loads
from os import environ, fdopen, getcwd, pipe
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_CONTROL: Final = 0
"""The descriptor whose end tells a parent to end."""

_OF_READLINE: Final = {"COLUMNS": "80", "LINES": "24"}
"""What readline adds for later processes when it is imported, without telling `os.environ`."""


class Forked:
    """A child of a warm parent: of `subprocess.Popen` what a test and execnet use."""

    def __init__(self, address: str, asked: dict[str, Any], streams: Sequence[int]) -> None:
        """Ask the parent at that address for a child with these streams: in, out and error."""
        self.returncode: int | None = None
        self._link = socket.socket(socket.AF_UNIX)
        try:
            self._link.connect(address)
            socket.send_fds(self._link, [b" "], streams)
            self._link.sendall(dumps(asked).encode() + b"\n")
            self._answers = self._link.makefile("rb")
            self.pid = int(self._answers.readline())
        except BaseException:
            self._link.close()
            raise

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit status as `subprocess` has it; None if the time is over before."""
        if self.returncode is None and select.select([self._link], [], [], timeout)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._link.close()
        return self.returncode

    def poll(self) -> int | None:
        return self.wait(0)

    def kill(self) -> None:
        """End the process, and wait for its end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class _Worker(Forked):
    """An xdist worker, with the pipes that execnet talks through."""

    def __init__(self, address: str, command: Sequence[str]) -> None:
        (theirs_in, ours_in), (ours_out, theirs_out) = pipe(), pipe()
        self.stdin, self.stdout = fdopen(ours_in, "wb"), fdopen(ours_out, "rb")
        given = {**(_OF_READLINE if "readline" in sys.modules else {}), **environ}
        asked = {"command": command, "folder": getcwd(), "environ": given}  # noqa: PTH109 - see above
        try:
            super().__init__(address, asked, (theirs_in, theirs_out, 2))
        finally:
            os.close(theirs_in)
            os.close(theirs_out)


class _Ending:
    """The end of a child, which takes down what the child itself has made and nothing else.

    The rest of an interpreter's end costs more than many a session: each object of the modules
    that the parent has imported lies in memory that is copied then. Threads are joined and the
    functions of `atexit` are called before, as always. Whatever ends neither by itself nor with a
    number ends in the usual way.
    """

    def __init__(self) -> None:
        self._status: int | None = None
        self._inherited: set[str] = set()
        atexit.register(self._end)  # before any other, so the last one to be called

    @contextmanager
    def of_child(self) -> Iterator[None]:
        """Note in the child with which status it ends."""
        self._inherited = {*sys.modules} - {"__main__"}
        try:
            yield
        except SystemExit as ended:
            self._status = ended.code & 0xFF if isinstance(ended.code, int) else None
            raise
        self._status = 0

    def _end(self) -> None:
        if self._status is None:
            return
        for name in sys.modules.keys() - self._inherited:
            del sys.modules[name]
        gc.collect()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        os._exit(self._status)


_ENDING: Final = _Ending()


def main(listeners: Sequence[int], stages: Sequence[Sequence[str]]) -> None:
    """Import modules stage by stage, and serve what each stage has imported until the control ends.

    Args:
        listeners: the descriptor of a listening socket for each stage.
        stages: names of modules; each stage has those of the stages before it.
    """
    sockets = [socket.socket(fileno=each) for each in listeners]
    for each in sockets:
        each.set_inheritable(False)
    for number, names in enumerate(stages):
        import_all(names)
        if number == 0:
            remember_entry_points()
        gc.collect()
        gc.freeze()  # else each child would visit, and so copy, what it shares with this process
        later = os.fork() if number + 1 < len(stages) else None
        if later != 0:
            break
        sockets[number].close()
    for each in sockets[number + 1 :]:
        each.close()
    link = _serve(sockets[number])
    if link is not None:
        _become(link)
    elif later is not None:
        with suppress(ChildProcessError):
            os.waitpid(later, 0)


def import_all(names: Sequence[str]) -> None:
    """Import modules, and note their files, which each child with a failure would look up again."""
    for name in names:
        import_module(name)
    from inspect import getmodule  # noqa: PLC0415 - pytest has imported it

    getmodule(compile("", "nowhere", "exec"))


def remember_entry_points() -> None:
    """Let no child read again what the installed packages declare, while it looks for its plugins.

    Pytest looks through all packages for each `-p`. A child lists the packages itself, and reads
    those that the parent has not seen.
    """
    from importlib import metadata  # noqa: PLC0415 - pytest has imported it

    from pluggy import PluginManager  # noqa: PLC0415 - the same

    known = {str(one._path): one.entry_points for one in metadata.distributions()}
    read = metadata.Distribution.entry_points.fget
    load = PluginManager.load_setuptools_entrypoints

    def recall(one: Any) -> Any:
        found = known.get(str(one._path))
        return read(one) if found is None else found

    def load_from_known(self: Any, group: str, name: str | None = None) -> int:
        metadata.PathDistribution.entry_points = property(recall)
        try:
            return load(self, group, name)
        finally:
            del metadata.PathDistribution.entry_points

    PluginManager.load_setuptools_entrypoints = load_from_known


def _serve(listener: socket.socket) -> socket.socket | None:
    """Fork a child for each connection; returns its connection there, and None in the parent."""
    links: dict[int, socket.socket] = {}
    with _wakened() as wakened, selectors.DefaultSelector() as selector:
        for source in (listener.fileno(), wakened, _CONTROL):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if _CONTROL in ready:
                return None
            if wakened in ready:
                os.read(wakened, 4096)
                _tell_ends(links)
            if listener.fileno() in ready:
                link, _ = listener.accept()
                child = os.fork()
                if child == 0:
                    break
                link.sendall(b"%d\n" % child)
                links[child] = link
    for each in (listener, *links.values()):
        each.close()
    return link


@contextmanager
def _wakened() -> Iterator[int]:
    """Ignore an interrupt, and yield a descriptor that can be read when a child has ended."""
    inside, outside = pipe()
    os.set_blocking(outside, False)
    before = {each: signal.signal(each, _ignore) for each in (signal.SIGINT, signal.SIGCHLD)}
    signal.set_wakeup_fd(outside)
    try:
        yield inside
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(inside)
        os.close(outside)


def _ignore(*_: object) -> None:
    """Handle a signal; unlike SIG_IGN, this is nothing that a child would inherit."""


def _tell_ends(links: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            link = links.pop(child, None)
            if link is None:
                continue  # another stage
            with suppress(BrokenPipeError), link:
                link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(link: socket.socket) -> None:
    """Become the process that the other end of the connection asks for."""
    _, streams, _, _ = socket.recv_fds(link, 1, 3)
    with link, link.makefile("rb") as lines:
        asked = loads(lines.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if asked.get("limits"):
        import resource  # noqa: PLC0415 - Windows has no such module

        for kind, limit in asked["limits"]:
            resource.setrlimit(kind, (limit, limit))
    if asked.get("leads"):
        os.setsid()
    os.chdir(asked["folder"])
    coerced = {name: environ[name] for name in ("LC_CTYPE",) if name in environ}
    environ.clear()
    environ.update(coerced | asked["environ"])
    sys.orig_argv[:] = command = asked["command"]
    if "-m" in command[:2]:
        sys.path[0] = asked["folder"]
        sys.argv[:] = command[2:]
        fork_workers(asked["workers"])
        fork_sessions(asked.get("sessions"))
        import runpy  # noqa: PLC0415 - a worker does not import it

        with _ENDING.of_child():
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = ["-c"]
        sys.modules["__main__"] = own = ModuleType("__main__")
        with _ENDING.of_child():
            exec(command[-1], vars(own))  # noqa: S102 - as `python -c` does


def fork_workers(addresses: Sequence[str]) -> None:
    """Make execnet ask those parents in turn for the workers of this session."""
    if not addresses:
        return
    from execnet import gateway_io  # noqa: PLC0415 - where a session has workers

    turns, plain = cycle(addresses), gateway_io.Popen2IOMaster.__init__

    def start(self: Any, args: list[str], execmodel: Any) -> None:
        if args[:-1] != [sys.executable, "-u", "-c"]:
            plain(self, args, execmodel)
            return
        self.popen = worker = _Worker(next(turns), args)
        super(gateway_io.Popen2IOMaster, self).__init__(
            worker.stdin, worker.stdout, execmodel=execmodel
        )

    gateway_io.Popen2IOMaster.__init__ = start


def fork_sessions(address: str | None) -> None:
    """Make `subprocess` ask that parent for each `python -m pytest` with the same settings."""
    if address is None:
        return
    from subprocess import Popen  # noqa: PLC0415 - where a command may start sessions

    start, poll, try_wait = Popen._execute_child, Popen._internal_poll, Popen._try_wait
    settings = _settings(environ)

    def execute(self: Any, args: Sequence[str], *more: Any) -> None:
        folder, given, ends = more[4], more[5], more[9:15]
        variables = dict(environ if given is None else given)
        is_session = list(args[:3]) == [sys.executable, "-m", "pytest"]
        if not is_session or _settings(variables) != settings:
            start(self, args, *more)
            return
        asked = {
            "command": list(args), "folder": str(folder or getcwd()), "environ": variables,  # noqa: PTH109 - see above
            "workers": [], "leads": more[-2],
        }  # fmt: skip
        theirs = (ends[0], ends[3], ends[5])
        streams = [own if end == -1 else end for own, end in enumerate(theirs)]
        self.forked = Forked(address, asked, streams)
        self.pid, self._child_created = self.forked.pid, True
        self._close_pipe_fds(*ends)

    Popen._execute_child = execute
    Popen._internal_poll, Popen._try_wait = _asking(poll), _waiting(try_wait)


def _asking(poll: Callable[..., int | None]) -> Callable[..., int | None]:
    def ask(self: Any, **more: Any) -> int | None:
        if not hasattr(self, "forked"):
            return poll(self, **more)
        self.returncode = self.forked.poll()
        return self.returncode

    return ask


def _waiting(try_wait: Callable[..., tuple[int, int]]) -> Callable[..., tuple[int, int]]:
    def ask_or_wait(self: Any, flags: int) -> tuple[int, int]:
        if not hasattr(self, "forked"):
            return try_wait(self, flags)
        code = self.forked.wait(0 if flags & os.WNOHANG else None)
        if code is None:
            return 0, 0
        return self.pid, code << 8 if code >= 0 else -code

    return ask_or_wait


def _settings(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if name.startswith("PYTHON")}
