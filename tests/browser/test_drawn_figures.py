"""Every figure that the page draws is the one that a command prints for the same history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome
from tests.browser import expected_figures as expect
from tests.browser.drawn import read
from tests.support.builders import changed, one_failing, run
from tests.support.damage import KEYS, make_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.chromium import Watched


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """What a command prints as JSON about a history that has something of everything."""
    path = make_history(tmp_path / "history.sqlite3")
    with open_history(path) as history:
        for number in range(100, 140):
            bad = number // 2 % 3 if number % 2 else -1
            start = 1e9 + 1000 * (number - 70)
            made = run(number, start, duration_s=4.0, exit_status=int(bad >= 0))
            made = made._replace(cpu_s=3.0, cpu_collect_s=1.0, cores=2)
            change = changed(f"t/test_{number % 3}.py")
            made = made._replace(change=change._replace(branch="fix", commit=f"{number:040x}"))
            ingest_run(history, made, one_failing(6, bad))
        history.deployments.add(
            DeploymentOutcome(f"{at // 2:040x}", status, "production", 1e9 + 1e5 * at, "recorded")
            for at, status in enumerate(["deployed", "rolled-back"] * 7)
            if status == "deployed" or at % 3
        )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "nexus-quarantine.toml").write_text(
        f'[[quarantine]]\nid = "{KEYS[1]}"\nreason = "a port"\nowner = "@net"\nsince = 2026-01-01\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", "history.sqlite3")
    known: dict[tuple[str, ...], Any] = {}

    def call(*words: str) -> Any:
        if words not in known:
            capsys.readouterr()
            main([*words, "--json"])
            known[words] = json.loads(capsys.readouterr().out)
        return known[words]

    return call


def test_every_drawn_figure_is_that_of_a_command(
    watched: Watched, said: Callable[..., Any], tmp_path: Path
) -> None:
    assert main(["dashboard", "--output", "page.html"]) == 0
    watched.open(tmp_path / "page.html")
    wrong: list[tuple[Any, ...]] = []
    for route, expected in {
        "/now": expect.now(said),
        "/suite": expect.suite(said),
        "/flaky": expect.flaky(said),
        "/model": expect.model(said),
        "/selection": expect.selection(said),
        "/infrastructure": expect.infrastructure(said),
        "/energy": expect.energy(said),
        f"/test/{quote(expect.TEST, safe='')}": expect.one_test(said),
    }.items():
        found = read(watched.go(route))
        drawn = {**found["figures"], **found["tables"]}
        wrong += [
            (route, name, drawn.get(name), expected.get(name))
            for name in drawn.keys() | expected.keys()
            if drawn.get(name) != expected.get(name)
        ]
    assert wrong == []
