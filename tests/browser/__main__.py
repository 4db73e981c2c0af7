"""Builds a dashboard to look at, and draws the pictures of the documentation."""

from __future__ import annotations

import argparse
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pytest_nexus.backtest.builds import find_folder
from pytest_nexus.cli.main import main as nexus
from pytest_nexus.cli.replayed_selection import replayed_selection
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.quarantine.file import Quarantine, QuarantineEntry
from pytest_nexus.report.dashboard.page import build_page
from pytest_nexus.report.facts.collect_facts import collect_facts
from pytest_nexus.training.selection.stored_promise import renew
from tests.browser.replayed_history import NEWEST, PROJECT, Replay
from tests.support.chromium import Watched, missing, started

if TYPE_CHECKING:
    from pytest_nexus.report.facts.collect_facts import DashboardFacts

_TRAININGS: Final = (0.55, 0.85)
"""After these shares of the builds a model is trained, as a maintenance job does."""

_SECTIONS: Final = ("now", "suite", "flaky", "model", "selection", "infrastructure", "energy")
_TODAY: Final = date(2026, 11, 27)


def main() -> int:
    """Replay, train, write the page, and draw pictures if they are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    parser.add_argument("output", type=Path, help="folder of the history and the page")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of every section")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    history = options.output / "history.sqlite3"
    history.unlink(missing_ok=True)
    _replay(history)
    facts = _facts(history)
    page = (options.output / "dashboard.html").resolve()
    page.write_text(build_page(facts, f"{PROJECT}, replayed", NEWEST + 3600), encoding="utf-8")
    print(f"{page}: open the file in a browser")
    if options.pictures is not None:
        return _draw(page, facts, options.pictures)
    return 0


def _replay(path: Path) -> None:
    folder = find_folder(None)
    assert folder is not None, "sample_history is part of the checkout"
    replay = Replay(folder)
    n, done = len(replay), 0
    for share in (*_TRAININGS, 1.0):
        with open_history(path) as history:
            print(f"replaying builds {done + 1} to {int(share * n)} of {n}", flush=True)
            replay.take_in(history, done, int(share * n))
        done = int(share * n)
        if share < 1.0:
            nexus(["train", "--history", str(path)])
            _deploy(path, replay.starts_at(done))


def _deploy(path: Path, at: float) -> None:
    """Deploy the newest model by hand, and store its promise, so that the page shows both."""
    with open_history(path) as history:
        history.models.set_alias("champion", history.models.versions()[-1].version, at)
        renew(history, at)


def _facts(path: Path) -> DashboardFacts:
    with open_history(path) as history:
        flaky = sorted(history.flaky_stats())
        entries = (
            QuarantineEntry(flaky[0], "waits", "team-async", _TODAY, date(2026, 12, 4)),
            QuarantineEntry(
                flaky[1], "a race", "team-core", date(2026, 10, 20), date(2026, 11, 20)
            ),
        )
        return collect_facts(
            history, quarantine=Quarantine(entries), today=_TODAY,
            replayed=replayed_selection(history, lambda _done, _all: None),
        )  # fmt: skip


def _draw(page: Path, facts: DashboardFacts, folder: Path) -> int:
    lacking = missing()
    if lacking:
        print(lacking, file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    flaky = next(each.key for each in facts.flaky.tests if each.status == "flaky")
    routes = {name: f"/{name}" for name in _SECTIONS} | {"test": f"/test/{quote(flaky, safe='')}"}
    with started() as browser:
        for theme in ("light", "dark"):
            window = Watched(browser, width=1000, height=640, theme=theme)
            for name, route in routes.items():
                window.open(page, route)
                window.page.screenshot(path=folder / f"dashboard-{name}-{theme}.png")
            window.close()
        narrow = Watched(browser, width=360, height=640)
        narrow.open(page).screenshot(path=folder / "dashboard-narrow.png")
        narrow.close()
    print(f"{folder}: {sum(each.stat().st_size for each in folder.glob('*.png')) // 1000} kB")
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
