"""Where tracking is impossible, one line says so, and the session goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.record.dependencies.watching import monitor
from pytest_nexus.registration import tracking

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return []


def boundary(said: list[str]) -> Any:
    part = SimpleNamespace(on_failure=[], register=pytest.fail)
    return SimpleNamespace(notices=SimpleNamespace(notify=said.append), part=lambda *_: part)


def config() -> Any:
    return SimpleNamespace(stash=pytest.Stash(), rootpath=".")


def test_python_that_is_too_old(
    said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tracking, "is_possible", lambda: False)
    tracking.register_tracking(config(), boundary(said), tmp_path, pytest.fail)
    tracking.register_controller_tracking(config(), boundary(said), pytest.fail)
    assert said == [tracking.TOO_OLD] * 2
    assert "3.12" in tracking.TOO_OLD


def test_no_free_tool(said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracking, "is_possible", lambda: True)
    monkeypatch.setattr(tracking, "started_tracker", lambda *_: None)
    tracking.register_tracking(config(), boundary(said), tmp_path, pytest.fail)
    assert said == [tracking.NO_TOOL]


@pytest.mark.parametrize(("version", "possible"), [((3, 11, 9), False), ((3, 12, 0), True)])
def test_versions(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], *, possible: bool
) -> None:
    monkeypatch.setattr(monitor.sys, "version_info", version)
    monkeypatch.setattr(monitor.sys, "monitoring", object(), raising=False)
    assert monitor.is_possible() is possible
