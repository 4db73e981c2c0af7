"""Sixty pushes of a team whose number of shards is left to nexus: real sessions, real commands.

The suite waits for a bank: six tests of three seconds. The team first wants time and money in
balance, then only speed. Later its tests share a small database, which slows down under many
clients, so what was best before is not best any more. One bug passes all tests, is deployed, and is
taken back.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Final

from tests.action.team_machine import TeamMachine
from tests.support import warm
from tests.support.repository import environment, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.action.team_machine import TeamRun

PUSHES: Final = 60
START: Final = 1_772_442_000.0
"""The date of the first push: 2026-03-02, 9:00 UTC."""
DAY_S: Final = 86_400.0
PRICES: Final = ("--only=shards", "--job-start=3", "--billed-by=second")
BALANCED: Final = ("--goal=balanced", *PRICES)
QUICK: Final = ("--goal=wall", *PRICES)
BUG, REVERT = 6, 9
"""The pushes that bring the bug and take it back."""
EARLIEST, LATEST = 24, 34
"""The first push that may bring the database, and the one that brings it to any settled value."""
BROKEN: Final = frozenset({13, 33})
"""Pushes whose pull request fails at first."""
AREAS: Final = ("cart", "orders", "refunds", "invoices", "stock", "shipping")

_PRICES: Final = "def with_tax(price):\n    return price * {factor}\n"
_PAY: Final = "def charge(items):\n    return {how}\n"
_BANK: Final = "import time\n\n\ndef settle():\n    time.sleep({wait_s})\n    return True\n"
_NO_DATABASE: Final = (
    "from contextlib import nullcontext\n\n\ndef connected():\n    return nullcontext()\n"
)
_DATABASE: Final = '''"""A session holds a connection; its queries wait for those of all others."""
import atexit
import os
import time
from contextlib import nullcontext
from pathlib import Path

CLIENT = Path(os.environ["SHOP_DATABASE"], str(os.getpid()))
CLIENT.touch()
atexit.register(CLIENT.unlink, missing_ok=True)


def connected():
    others = len(list(CLIENT.parent.iterdir())) - 1
    time.sleep(0.1 * others**3)
    return nullcontext()
'''
_CONFTEST: Final = (
    "import sys\nfrom pathlib import Path\n\nsys.path.insert(0, str(Path(__file__).parent))\n"
)


def suite(wait_s: float) -> dict[str, str]:
    """Return the files of the shop; a test of an area waits `wait_s` seconds for the bank."""
    files = {
        "pytest.ini": "[pytest]\nnexus = true\nnexus_autopilot = on\nnexus_dependencies = true\n",
        "conftest.py": _CONFTEST,
        ".gitignore": ".nexus/\n__pycache__/\n.pytest_cache/\nplan.json\nproposals.json\n",
        "shop/__init__.py": "",
        "shop/prices.py": _PRICES.format(factor="1.25"),
        "shop/pay.py": _PAY.format(how="sum(items)"),
        "shop/bank.py": _BANK.format(wait_s=wait_s),
        "shop/database.py": _NO_DATABASE,
        "tests/test_prices.py": (
            "from shop.pay import charge\nfrom shop.prices import with_tax\n\n\n"
            "def test_with_tax():\n    assert with_tax(100) == 125\n\n\n"
            "def test_one_item():\n    assert charge([7]) == 7\n"
        ),
    }
    for area in AREAS:
        files[f"tests/test_{area}.py"] = (
            "from shop.bank import settle\nfrom shop.database import connected\n\n\n"
            f"def test_{area}():\n    with connected():\n        assert settle()\n"
        )
    return files


@dataclass
class TeamStory:
    """The team, and what people saw."""

    base: Path
    pushes: int = PUSHES
    wait_s: float = 3.0
    say: Callable[[str], None] = lambda _: None
    seen: list[tuple[int, str]] = field(default_factory=list)
    """The lines that the station added to job summaries, each with the number of its push."""
    runs: list[tuple[int, TeamRun]] = field(default_factory=list)
    """Every run with the number of its push."""
    database_at: int = 0
    """The push that brings the database; 0 if none did."""
    bad: str = ""
    """The number of shards in force then."""
    last: str = ""
    """The number of shards in force at the end."""
    bug: str = ""
    """The commit that is taken back."""
    escaped: dict[str, str] = field(default_factory=dict)
    """What the commands said about the bug that was taken back."""

    def __post_init__(self) -> None:
        """Make the repository of the shop, and its CI."""
        self.origin = init(self.base / "origin")
        self.machine = TeamMachine(self.base, self.origin, tuned_by=BALANCED)
        for path, text in suite(self.wait_s).items():
            self.origin.write(path, text)

    def live(self) -> None:
        """Live through all pushes: a run of main, beside the run of the next pull request."""
        with warm.allowed():
            self._commit(1, "Open the shop")
            self.machine.ask("--help")  # starts what forks, before several threads ask for it
            for number in range(1, self.pushes + 1):
                self._push(number)
            self.last = self._value()

    @property
    def kinds(self) -> list[str]:
        """The kinds of the decisions so far."""
        return [line.removeprefix("- nexus ").partition(":")[0] for _, line in self.seen]

    def _push(self, number: int) -> None:
        self.machine.set_date(START + (number - 1) * DAY_S)
        branches = ["main"]
        if number < self.pushes:
            branches.append(self._request(number + 1))
        runs = self.machine.run_together(*branches)
        self.runs += zip((number, number + 1), runs, strict=False)
        self._deploy(number)
        has_experiment = bool(self.kinds) and self.kinds[-1] in {"began", "adopted"}
        summary = self.machine.learn(runs, tunes=not has_experiment)
        told = [line for line in unescape(summary).splitlines() if line.startswith("- nexus ")]
        self.seen += [(number, line) for line in told]
        if "settled" in self.kinds:
            self.machine.tuned_by = QUICK
        self._say(number, runs, told)
        if number < self.pushes:
            self._merge(number + 1)

    def _say(self, number: int, runs: list[TeamRun], told: list[str]) -> None:
        shards = " and ".join(str(run.shards) for run in runs)
        self.say(f"push {number}: shards {shards}")
        for line in told:
            self.say(f"    {line}")

    def _request(self, number: int) -> str:
        """Commit the change of a push on a branch of its own."""
        branch = f"push-{number}"
        self.origin.git("checkout", "--quiet", "-b", branch)
        if number == REVERT:
            self._git(number, "revert", "--no-edit", self.bug)
        for path, text in self._change(number):
            self.origin.write(path, text)
        if number in BROKEN:
            self.origin.write("shop/prices.py", _PRICES.format(factor="0.25"))
        self._commit(number, self._subject(number))
        self.origin.git("checkout", "--quiet", "main")
        return branch

    def _change(self, number: int) -> Iterator[tuple[str, str]]:
        yield f"shop/{AREAS[number % len(AREAS)]}.py", f"CHANGES = {number}\n"
        if number == BUG:
            yield "shop/pay.py", _PAY.format(how="items[0]")
        if self._has_found_its_value(number) and not self.database_at:
            self.database_at, self.bad = number, self._value()
            yield "shop/database.py", _DATABASE

    def _has_found_its_value(self, number: int) -> bool:
        """Return whether the second value was adopted, or the first one is the best for good.

        Which value nexus tries first depends on what sessions take on this machine. Nothing is
        better than a job for each area before the database comes.
        """
        if self.kinds.count("adopted") == 2:
            return True
        if self.kinds[-1:] != ["settled"]:
            return False
        return number >= LATEST or (number >= EARLIEST and self._value() == str(len(AREAS)))

    def _value(self) -> str:
        """Return the number of shards in force, as text; `auto` before any was adopted."""
        (line,) = (
            line
            for line in self.machine.ask("settings", "list").splitlines()
            if line.startswith("shards = auto means ")
        )
        return line.removeprefix("shards = auto means ").partition(",")[0]

    def _subject(self, number: int) -> str:
        if number == BUG:
            return "Charge each item by itself"
        if number == self.database_at:
            return "Keep the orders in a database"
        return f"Change {AREAS[number % len(AREAS)]}"

    def _merge(self, number: int) -> None:
        """Mend what was broken, and merge the branch of a push."""
        branch = f"push-{number}"
        self.origin.git("checkout", "--quiet", branch)
        if number in BROKEN:
            self.origin.write("shop/prices.py", _PRICES.format(factor="1.25"))
            self._commit(number, "Mend the tax")
        self.origin.git("checkout", "--quiet", "main")
        self.origin.git("merge", "--quiet", "--ff-only", branch)
        if number == BUG:
            self.bug = self.origin.git("rev-parse", "HEAD")

    def _deploy(self, number: int) -> None:
        """Deploy the bug, and once it is taken back, ask what escaped."""
        if number == BUG:
            self.machine.ask("outcome", "record", f"--commit={self.bug}", "--status=deployed")
        elif number == REVERT + 1:
            self.escaped = {
                name: self.machine.ask("outcome", name)
                for name in ("learn", "escaped", "list", "report")
            }

    def _commit(self, number: int, subject: str) -> None:
        self.origin.git("add", "--all")
        self._git(number, "commit", "--quiet", "--allow-empty", f"--message={subject}")

    def _git(self, number: int, *arguments: str) -> None:
        """Call git on the date of a push."""
        at = f"{START + (number - 1) * DAY_S - 3600.0:.0f} +0000"
        who = ("-c", "user.name=Team", "-c", "user.email=team@example.org")
        subprocess.run(
            ["git", *who, *arguments], cwd=self.origin.root, capture_output=True, check=True,
            env=environment(GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at),
        )  # fmt: skip

    def write(self, folder: Path) -> None:
        """Leave what people saw."""
        folder.mkdir(parents=True, exist_ok=True)
        head = (
            "# Sixty pushes with the autopilot, measured\n\n"
            "Every run was a plan, real sessions in shards, a proof and a report. Only the calendar"
            " was set: one day for each push.\n"
        )
        lines = [f"- push {number}: {line.removeprefix('- ')}" for number, line in self.seen]
        if self.database_at:
            lines.append(f"- push {self.database_at} brought the database, with {self.bad} shards")
        lines.append(f"- at the end, `auto` means {self.last} shards")
        (folder / "index.md").write_text("\n".join([head, *lines, ""]), "utf-8")
        rows = [
            f"push {number:2} run {run.number:3} shards {run.shards:2}"
            f" {'passed' if run.has_passed else 'failed'} {run.proof.strip()}"
            for number, run in self.runs
        ]
        (folder / "runs.txt").write_text("\n".join([*rows, ""]), "utf-8")
        (folder / "station.txt").write_text("\n".join(self.machine.said), "utf-8")
        for name, command in (
            ("log.txt", ("autopilot", "log")),
            ("settings.txt", ("settings", "list")),
            ("status.txt", ("autopilot", "status", "--input=shards=auto")),
            ("insights.txt", ("insights",)),
        ):
            (folder / name).write_text(self.machine.ask(*command), "utf-8")
        said = [f"$ nexus outcome {name}\n{text}" for name, text in self.escaped.items()]
        (folder / "escaped.txt").write_text("\n".join(said), "utf-8")
        last = self.runs[-1][1]
        (folder / "last-summary.md").write_text(last.summary, "utf-8")
