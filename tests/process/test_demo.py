"""`nexus demo` as a user calls it: real data, real sessions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from pytest_nexus.backtest.showcase import show_failure_moving
from pytest_nexus.errors import NexusError
from tests.support.messages import assert_message
from tests.support.samples import write_project

pytestmark = pytest.mark.slow


def demo(*arguments, cwd):
    command = [sys.executable, "-m", "pytest_nexus.cli.main", "demo", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_nexus_finds_failures_sooner_than_every_other_order_on_every_project(tmp_path) -> None:
    done = demo("--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert set(shown["replay"]["real"]["scores"]) == {"jinja", "marshmallow", "structlog"}
    for by_order in shown["replay"]["real"]["scores"].values():
        ours, planned = by_order.pop("nexus"), by_order.pop("nexus static")
        assert ours["apfdc"] > planned["apfdc"]
        assert ours["first_failure"] < min(score["first_failure"] for score in by_order.values())
        assert ours["apfdc"] > max(score["apfdc"] for score in by_order.values())
    first, *others = shown["showcase"]
    assert first["position"] == first["n_tests"]
    for other in others:
        assert other["nodeid"] == first["nodeid"]
        assert other["position"] == 1


def test_table_has_a_row_for_each_order_and_says_what_is_synthetic(tmp_path) -> None:
    write_project(tmp_path, "shop")
    done = demo("--data", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for title in (
        "collection order",
        "random, mean of 20",
        "--ff",
        "fastest first",
        "nexus, order as planned",
        "nexus, learning within the run",
    ):
        assert done.stdout.count(f"\n{title}") == 3
    assert "shop 1" in done.stdout
    assert "Mutants are synthetic" in done.stdout
    assert "48 of 48" in done.stdout


def test_without_data_one_line_says_so_and_the_suite_is_run(tmp_path) -> None:
    done = demo("--data", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 0
    assert_message(done.stderr, "NX152", tmp_path / "nowhere")
    assert len(done.stderr.splitlines()) == 1
    assert "collection order" not in done.stdout
    assert "A suite of 48 tests" in done.stdout


def test_failure_moves_without_git_too(tmp_path, monkeypatch) -> None:
    if shutil.which("git"):
        monkeypatch.setenv("PATH", str(tmp_path))
    root = tmp_path / "suite"
    root.mkdir()
    _, first, second = show_failure_moving(root)
    assert not (root / ".git").exists()
    assert second.position < first.position


def test_settings_of_the_caller_do_not_reach_the_suite(tmp_path, monkeypatch) -> None:
    for name, value in (
        ("NEXUS_ORDER", "off"),
        ("PYTEST_ADDOPTS", "-k nothing"),
        ("GITHUB_BASE_REF", "main"),
        ("CI", "true"),
    ):
        monkeypatch.setenv(name, value)
    *_, second = show_failure_moving(tmp_path)
    assert second.position == 1


def test_suite_that_cannot_run_is_reported_with_what_it_said(tmp_path, monkeypatch) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "pluggy.py").write_text("raise SystemExit('pluggy is broken')", "utf-8")
    (tmp_path / "suite").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    with pytest.raises(NexusError, match=r"(?s)Run 1 .* 0 journals.*NX155.*is broken"):
        show_failure_moving(tmp_path / "suite")
