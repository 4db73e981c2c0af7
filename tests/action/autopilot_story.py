"""Sixty pushes of a team whose settings are left to nexus, with synthetic runs.

The runs are written into the history as the station would take them in; the commands are real. The
suite takes 300 s. Four shards make it a third shorter. Eight workers make it shorter too, until the
database of the tests begins to suffer from them. One bug passes all tests, is deployed, and is
taken back two days later.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from html import unescape
from io import StringIO
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.main import main
from pytest_nexus.history.store import open_history
from tests.support.repository import environment
from tests.support.simulated_team import proposal
from tests.support.synthetic_runs import noisy, push

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PUSHES: Final = 60
START: Final = 1.77e9
HALF_A_DAY: Final = 43_200.0
STEP: Final = ("autopilot", "step", "--github", "--proposals=proposals.json")
BUG, REVERT = 38, 42
"""The pushes that bring the bug and take it back."""
INPUTS: Final = ("--input=shards=auto", "--input=workers=auto", "--input=select=affected")


@dataclass
class AutopilotStory:
    """The project, and what people saw."""

    root: Path
    set_time: Callable[[float], None]
    """Sets the clock of the commands; seconds since the epoch."""
    has_busy_database: bool = False
    seen: list[tuple[int, str]] = field(default_factory=list)
    """The lines of job summaries, each with the number of its push."""
    bug: str = ""
    """The commit that is taken back."""
    escaped: dict[str, str] = field(default_factory=dict)
    """What the commands said about the bug that was taken back."""

    @property
    def history(self) -> Path:
        """The history that the station keeps."""
        return self.root / ".nexus" / "history.sqlite3"

    def live(self) -> None:
        """Live through all pushes; each has a run of its pull request and one of main."""
        random = Random(11)
        (self.root / "pytest.ini").write_text("[pytest]\nnexus = true\nnexus_autopilot = on\n")
        found = [
            proposal("shards", "4", 0.33),
            proposal("workers", "8", 0.25),
            proposal("select", "confidence:99%", 0.2, "affected"),
        ]
        rows = {"proposals": [asdict(each) for each in found]}
        (self.root / "proposals.json").write_text(json.dumps(rows))
        self._git(0, "init", "--quiet", "--initial-branch=main")
        (self.root / ".gitignore").write_text("*\n!src\n!src/*\n")
        self._commit(0, "Charge once")
        for number in range(1, PUSHES + 1):
            self._push(number, random)

    def _push(self, number: int, random: Random) -> None:
        at = START + number * HALF_A_DAY
        with open_history(self.history) as history:
            for part in (0, 1):
                run_id = 2 * number + part
                learned = history.learned.values(["shards", "workers"], str(run_id))
                wall_s = noisy(random, self._wall_s(learned), 0.12)
                push(history, run_id, at + 600.0 * part, wall_s, failed=random.random() < 0.1)
        self.set_time(at + 3600.0)
        self._deploy(number)
        summary = self.root / "summary.md"
        summary.write_text("")
        self.call(*STEP, *INPUTS)
        self.seen += [(number, line) for line in unescape(summary.read_text()).splitlines()]
        self.has_busy_database = self.has_busy_database or any(
            "workers = 8" in line and "adopted" in line for _, line in self.seen
        )

    def _deploy(self, number: int) -> None:
        """Deploy the bug, and take it back."""
        if number == BUG:
            self.bug = self._commit(number, "Charge each item by itself")
            self.call("outcome", "record", f"--commit={self.bug}", "--status=deployed")
        elif number == REVERT:
            self._git(number, "revert", "--no-edit", "HEAD")
            self.escaped = {
                name: self.call("outcome", name) for name in ("learn", "escaped", "list", "report")
            }

    def _commit(self, number: int, subject: str) -> str:
        file = self.root / "src" / "pay.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# {subject}\n")
        self._git(number, "add", "--all")
        self._git(number, "commit", "--quiet", f"--message={subject}")
        return self._git(number, "rev-parse", "HEAD")

    def _git(self, number: int, *arguments: str) -> str:
        at = f"{START + number * HALF_A_DAY:.0f} +0000"
        who = ("-c", "user.name=Team", "-c", "user.email=team@example.org")
        dated = environment(GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at)
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.root, env=dated, capture_output=True, check=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def _wall_s(self, learned: dict[str, str]) -> float:
        wall_s = 300.0 * (0.67 if "shards" in learned else 1.0)
        return wall_s * ((1.9 if self.has_busy_database else 0.75) if "workers" in learned else 1.0)

    def call(self, *arguments: str) -> str:
        """Call a command in the project; return what it printed."""
        printed = StringIO()
        with redirect_stdout(printed):
            status = main(arguments)
        if status:
            raise RuntimeError(f"{arguments}: {printed.getvalue()}")
        return printed.getvalue()

    def write(self, folder: Path) -> None:
        """Leave what people saw."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"- push {number}: {line.removeprefix('- ')}" for number, line in self.seen]
        text = (
            "# Sixty pushes with the autopilot\n\nJob summaries; the other pushes said nothing.\n"
        )
        (folder / "index.md").write_text("\n".join([text, *lines, ""]), "utf-8")
        for name, command in (
            ("log.txt", ("autopilot", "log")),
            ("settings.txt", ("settings", "list")),
            ("status.txt", ("autopilot", "status", *INPUTS)),
        ):
            (folder / name).write_text(self.call(*command), "utf-8")
        said = [f"$ nexus outcome {name}\n{text}" for name, text in self.escaped.items()]
        (folder / "escaped.txt").write_text("\n".join(said), "utf-8")
