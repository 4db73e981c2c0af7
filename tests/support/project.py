"""A project of its own in a folder, and real pytest sessions in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_nexus.history.store import read_history
from tests.support import warm
from tests.support.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.history.sqlite.runs import RunSummary

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
COMPANIONS = REPOSITORY / ".venv-companions" / SCRIPTS / "python"
"""The interpreter beside which other plugins are installed; `make test` makes it."""

_PLUGINS = Path(__file__).parent / "plugins"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE")
_DEADLINE_S = 120.0


class Report(NamedTuple):
    """One report, as pytest made it."""

    nodeid: str
    when: str
    outcome: str
    xfail: bool
    subtest: bool


@dataclass(frozen=True)
class Result:
    """What one session did: by pytest's own word, and by nexus' journal."""

    exit_status: int
    stdout: str
    stderr: str
    order: list[str]
    """Node ids as the tests started."""
    reports: list[Report]
    journal: list[dict[str, Any]]
    """Lines of the one journal that this session left; empty if it left none."""

    @property
    def names(self) -> list[str]:
        """The order, by the last part of the node ids."""
        return [nodeid.rpartition("::")[2] for nodeid in self.order]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The attempts of the journal, in its order."""
        return [line for line in self.journal if line["kind"] == "attempt"]

    @property
    def end(self) -> dict[str, Any]:
        """The last line of the journal."""
        assert self.journal[-1]["kind"] == "end"
        return self.journal[-1]

    @property
    def said(self) -> list[str]:
        """The lines that nexus wrote on the terminal: its header, and its section or one line."""
        said, is_ours = [], False
        for line in self.stdout.splitlines():
            if line.startswith(("=", "-")):
                is_ours = line.strip("-") == " nexus "
            elif is_ours or line.startswith("nexus: "):
                said.append(line)
        return said

    def attempt(self, name: str) -> dict[str, Any]:
        """The one attempt whose node id ends in `name`."""
        (found,) = [one for one in self.attempts if one["nodeid"].endswith(name)]
        return found

    def phases(self, name: str) -> dict[str, str]:
        """The outcome of each phase of the one attempt whose node id ends in `name`."""
        return phases(self.attempt(name))


class Project:
    """A folder with files in it. Names are paths; texts are dedented."""

    def __init__(self, root: Path, files: Mapping[str, str] | None = None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.write(files or {})
        if not (root / "pytest.ini").exists():
            self.write({"pytest.ini": "[pytest]\n"})

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, with the folders they need."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            before_s = path.stat().st_mtime if path.exists() else 0.0
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
            if before_s:  # bytecode of a file of the same size and second would count as fresh
                os.utime(path, (before_s + 2, before_s + 2))

    @property
    def history_path(self) -> Path:
        return self.root / ".nexus" / "history.sqlite3"

    @property
    def journals(self) -> list[Path]:
        """The journals in their folder, oldest first."""
        return sorted((self.root / ".nexus" / "journal").glob("*.jsonl"))

    def run(
        self,
        *arguments: str,
        nexus: bool = True,
        companions: tuple[str, ...] | None = None,
        env: Mapping[str, str | None] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Result:
        """Run pytest here to its end.

        Args:
            arguments: of the command line.
            nexus: whether `--nexus` is among them; the plugin is loaded in any case.
            companions: plugins to load by the names of their entry points, which makes the
                interpreter the one beside which they are installed; no other plugin is loaded
                but xdist where the arguments need it.
            env: variables to set, or with None to remove.
            before: called in the new process before it becomes pytest.
        """
        command = self.command(*arguments, nexus=nexus, companions=companions)
        probe = self.root.with_name(f"{self.root.name}.probe")
        probe.unlink(missing_ok=True)
        known = set(self.journals)
        environ = self.environment(**({"PROBE_FILE": str(probe)} | dict(env or {})))
        if before is None and warm.may_be_warm(environ):
            done = warm.run(command, self.root, environ, _DEADLINE_S)
        else:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=environ,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_DEADLINE_S,
                check=False,
                preexec_fn=before,
            )
        new = [path for path in self.journals if path not in known]
        assert len(new) <= 1, new
        order, reports = _read_probe(probe)
        journal = read_lines(new[0]) if new else []
        return Result(done.returncode, done.stdout, done.stderr, order, reports, journal)

    def start(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Running:
        """Start pytest with nexus and do not wait for it."""
        return Running(
            subprocess.Popen(
                self.command(*arguments),
                cwd=self.root,
                env=self.environment(**(env or {})),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=hears_interrupts if os.name == "posix" else None,  # noqa: PLW1509 - no threads are here
            ),
            self.root,
        )

    def nexus(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Any:
        """Run the command `nexus` here; returns the finished process, its output as text."""
        command = [sys.executable, "-m", "pytest_nexus.cli.main", *arguments]
        environ = self.environment(**(env or {}))
        if warm.command_may_be_warm(environ):
            return warm.run_command(command, self.root, environ, _DEADLINE_S)
        return subprocess.run(
            command,
            cwd=self.root,
            env=environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_DEADLINE_S,
            check=False,
        )

    def command(
        self, *arguments: str, nexus: bool = True, companions: tuple[str, ...] | None = None
    ) -> list[str]:
        """The command line of a session; without `--nexus-reruns` it repeats no failed test."""
        plugins = ["nexus", "nexus_probe", *(companions or ())]
        if any(argument.startswith(("-n", "--dist", "--tx")) for argument in arguments):
            plugins.append("xdist")
        if companions is not None and not COMPANIONS.exists():
            pytest.fail(f"{COMPANIONS} is missing; run `make test` once")
        interpreter = sys.executable if companions is None else COMPANIONS
        loading = [part for name in plugins for part in ("-p", name)]
        asked = ["--nexus"] if nexus else []
        if nexus and not any(part.startswith("--nexus-reruns") for part in arguments):
            asked.append("--nexus-reruns=0")
        return [str(interpreter), "-m", "pytest", *loading, *asked, *arguments]

    def environment(self, **variables: str | None) -> dict[str, str]:
        """An environment without what the one who runs these tests has set."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        clean = kept | {
            "PYTHONPATH": str(_PLUGINS),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "NEXUS_ORDER_DEPENDENCE": "off",  # else each flake gets attempts in a fresh process
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.root.parent),
        }
        return {name: value for name, value in (clean | variables).items() if value is not None}

    def runs(self) -> list[RunSummary]:
        """The runs in the history, oldest first."""
        history = read_history(self.history_path)
        assert history is not None
        with history:
            return history.runs()[::-1]

    def stored_attempts(self) -> list[Attempt]:
        """The attempts of the newest run in the history, in the order they started."""
        history = read_history(self.history_path)
        assert history is not None
        with history:
            return list(history.attempts(history.runs(1)[0].run.run_uid))


def phases(attempt: dict[str, Any]) -> dict[str, str]:
    """The outcome of each phase of an attempt of a journal."""
    return {name: attempt[name][0] for name in ("setup", "call", "teardown") if name in attempt}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal; a last one without an end is left out."""
    whole, _, _ = path.read_text("utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def hears_interrupts() -> None:
    """Undo what a shell does to a background job, whose children would not be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read_probe(path: Path) -> tuple[list[str], list[Report]]:
    order, reports = [], []
    for entry in _entries(path):
        if "started" in entry:
            order.append(entry["started"])
        else:
            reports.append(Report(**entry))
    return order, reports


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text("utf-8").splitlines())
