"""Learned settings in sessions: where a person wrote `auto`, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import open_history
from pytest_nexus.option_rows import LEARNED
from pytest_nexus.options import Options, read_options
from pytest_nexus.plan.autopilot.setting_records import (
    Experiment,
    LogEntry,
    SettingVersion,
    State,
    Step,
)
from pytest_nexus.session.learned_options import with_learned

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = {
    "nexus_select": "confidence:95%",
    "nexus_reruns": "3",
    "nexus_rerun_delay": "2",
    "nexus_rerun_budget": "20%",
}
WRITTEN = {
    "nexus_select": "affected",
    "nexus_reruns": "0",
    "nexus_rerun_delay": "7",
    "nexus_rerun_budget": "90s",
}
DEFAULTS = Options._field_defaults


@pytest.fixture
def learned(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose history has learned every setting."""
    for variable in (*map(str.upper, VALUES), "GITHUB_ACTIONS", "GITHUB_RUN_ID", "CI"):
        monkeypatch.delenv(variable, raising=False)
    versions = tuple(
        SettingVersion(f"{at:016x}", None, name.removeprefix("nexus_"), value, "", "", 1.0, "{}",
                       "adopted")
        for at, (name, value) in enumerate(VALUES.items())
    )  # fmt: skip
    store(pytester, State(versions))
    return pytester


def store(pytester: pytest.Pytester, state: State) -> None:
    entry = LogEntry(1.0, "adopted", "", "made", "{}")
    with open_history(pytester.path / ".nexus" / "history.sqlite3") as history:
        history.learned.step(lambda *_: Step(state, (entry,)))


def options_of(pytester: pytest.Pytester, said: list[str], **ini: str) -> Options:
    lines = "\n".join(f"{name} = {value}" for name, value in ini.items())
    pytester.makeini(f"[pytest]\nnexus = true\n{lines}\n")
    config = pytester.parseconfig()
    import os  # noqa: PLC0415 - as the session sees the environment now

    return with_learned(read_options(config), dict(os.environ), said.append)


def value(options: Options, name: str) -> object:
    field = {"nexus_rerun_delay": "rerun_delay_s"}.get(name, name.removeprefix("nexus_"))
    return getattr(options, field)


def expected(name: str, text: str) -> object:
    kinds: dict[str, Callable[[str], object]] = {"nexus_reruns": int, "nexus_rerun_delay": float}
    return kinds.get(name, str)(text)


@pytest.mark.parametrize("name", LEARNED)
def test_auto_means_the_learned_value(learned: pytest.Pytester, name: str) -> None:
    said: list[str] = []
    options = options_of(learned, said, **{name: "auto"})
    assert value(options, name) == expected(name, VALUES[name])
    assert said == [f"as learned: {name} = {VALUES[name]}; see `nexus settings list` [NX341]"]


@pytest.mark.parametrize("name", LEARNED)
def test_explicit_value_wins(learned: pytest.Pytester, name: str) -> None:
    said: list[str] = []
    options = options_of(learned, said, **WRITTEN, nexus_autopilot="on")
    assert value(options, name) == expected(name, WRITTEN[name])
    assert said == []


@pytest.mark.parametrize("name", LEARNED)
def test_explicit_value_of_the_environment_wins_over_auto(
    learned: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name.upper(), WRITTEN[name])
    options = options_of(learned, [], **{name: "auto"})
    assert value(options, name) == expected(name, WRITTEN[name])


@pytest.mark.parametrize("name", LEARNED)
def test_nothing_is_learned_without_auto(learned: pytest.Pytester, name: str) -> None:
    without = options_of(learned, [])
    learned.path.joinpath(".nexus", "history.sqlite3").unlink()
    auto = options_of(learned, [], **{name: "auto"})
    assert value(without, name) == value(auto, name)


def test_runs_of_a_ci_get_either_value(
    learned: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = ("select", "affected", "confidence:95%", "trial", "wall", 0.5, 1.05, 1.0)
    version = SettingVersion("f" * 16, None, "select", "affected", "", "", 2.0, "{}", "trial")
    store(learned, State((version,), (Experiment(1, "f" * 16, *trial),)))
    got = set()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for run_id in range(12):
        monkeypatch.setenv("GITHUB_RUN_ID", str(run_id))
        got.add(options_of(learned, [], nexus_select="auto").select)
    assert got == {"affected", "confidence:95%"}


def test_damaged_history_costs_one_line(learned: pytest.Pytester) -> None:
    learned.path.joinpath(".nexus", "history.sqlite3").write_bytes(b"x" * 2000)
    said: list[str] = []
    options = options_of(learned, said, nexus_select="auto", nexus_reruns="auto")
    assert (options.select, options.reruns) == ("off", None)
    assert len(said) == 1
    assert said[0].startswith("settings that are auto have their defaults: ")


def test_session_says_what_it_learned(learned: pytest.Pytester) -> None:
    learned.makepyfile("def test_a(): pass")
    learned.makeini("[pytest]\nnexus = true\nnexus_reruns = auto\n")
    result = learned.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    assert "nexus: as learned: nexus_reruns = 3; see `nexus settings list` [NX341]" in (
        result.outlines
    )
