"""The books of a session: what is known, what was spent, what was found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_nexus.domain.records import Change
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.quarantine.file import Quarantine, parse_quarantine
from pytest_nexus.plan.reruns.rerun_policy import Decision, FailedAttempt, RerunSettings
from pytest_nexus.run.reruns.session import RerunRules, RerunSession
from pytest_nexus.session.notices import Notices
from pytest_nexus.session.planned import SessionPlan
from tests.support.builders import attempt, changed, collected, failure, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

TEST = collected("tests/test_a.py::test_x")
OTHER = collected("tests/test_b.py::test_y")
QUARANTINE = """
[[quarantine]]
id = "tests/test_a.py::test_x"
reason = "drops connections"
owner = "@net"
since = 2026-03-01
until = 2026-04-01
"""


class Clock:
    """A clock that stands still until it is moved."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Flow(NamedTuple):
    """What a session knows that repeats tests."""

    history: Path
    planned: SessionPlan
    change: Change
    notices: Notices


def flow_in(path: Path, change: Change | None = None, **expected: float) -> Flow:
    seconds = expected or {TEST.nodeid: 600.0, OTHER.nodeid: 400.0}
    planned = SessionPlan(n_tests=len(seconds), seconds=sum(seconds.values()), expected=seconds)
    return Flow(path / "history.sqlite3", planned, change or Change(), Notices())


def rerun_session(
    flow: Flow,
    budget: str = "5%",
    text: str = "",
    settings: RerunSettings | None = None,
    n_workers: int = 1,
) -> RerunSession:
    quarantine = parse_quarantine(text) if text else Quarantine(())
    rules = RerunRules(settings or RerunSettings(), flow.history, budget, quarantine, n_workers)
    return RerunSession(
        rules, lambda: flow.planned, lambda: flow.change, flow.notices.notify, now=Clock()
    )


def setback(number: int = 1, signature: str = "", **fields: Any) -> FailedAttempt:
    values: dict[str, Any] = {"duration_s": 1.0, "waited_s": 0.0} | fields
    return FailedAttempt(TEST.key, number, signature or failure().signature, **values)


def teach(path: Path, *outcomes: str) -> None:
    """Each text is a run: a letter for each attempt, 3 s apart."""
    names: dict[str, Any] = {"P": "passed", "F": "failed"}
    with open_history(path / "history.sqlite3") as history:
        for uid, letters in enumerate(outcomes, 1):
            attempts = [
                attempt(
                    TEST.nodeid,
                    names[letter],
                    number=number,
                    started_s=3.0 * number,
                    failure=failure() if letter == "F" else None,
                )
                for number, letter in enumerate(letters, 1)
            ]
            ingest_run(history, run(uid), attempts)


def test_without_a_history_a_failure_is_confirmed_once(tmp_path: Path) -> None:
    one = rerun_session(flow_in(tmp_path))
    assert one.decide(TEST, setback(1)).is_rerun
    assert not one.decide(TEST, setback(2)).is_rerun


def test_what_the_history_knows_decides(tmp_path: Path) -> None:
    teach(tmp_path, "FP", "P", "FP", "FP")
    answer = rerun_session(flow_in(tmp_path)).decide(TEST, setback(2))
    assert answer.is_rerun
    assert "in 3 of 4 runs" in answer.reason


def test_a_damaged_history_is_said_once_and_teaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite3").write_text("no database" * 100)
    flow = flow_in(tmp_path)
    one = rerun_session(flow)
    assert [one.decide(TEST, setback(1)).is_rerun for _ in range(2)] == [True, True]
    assert len(flow.notices) == 1
    assert "history.sqlite3" in next(iter(flow.notices))


def test_the_history_is_not_opened_before_a_test_fails(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite3").write_text("no database" * 100)
    flow = flow_in(tmp_path)
    one = rerun_session(flow)
    one.note_ran(TEST.nodeid)
    assert one.refuse("why") == Decision(is_rerun=False, reason="why")
    assert list(flow.notices) == []


def test_a_new_failure_of_a_test_that_the_change_touches_is_only_confirmed(tmp_path: Path) -> None:
    teach(tmp_path, *["FP"] * 7)
    one = rerun_session(flow_in(tmp_path, changed("tests/test_a.py")))
    assert "the change touches it" in one.decide(TEST, setback(1, "new")).reason
    assert not one.decide(TEST, setback(2, "new")).is_rerun
    assert one.decide(TEST, setback(2)).is_rerun
    far = rerun_session(flow_in(tmp_path, changed("src/a.py", "tests/test_b.py")))
    assert far.decide(TEST, setback(2, "new")).is_rerun


@pytest.mark.parametrize(("budget", "granted"), [("5%", 50), ("20", 20), ("0", 0)])
def test_the_budget_is_kept(tmp_path: Path, budget: str, granted: int) -> None:
    one = rerun_session(flow_in(tmp_path), budget, settings=RerunSettings(delay_s=0.0))
    while (answer := one.decide(TEST, setback(1))).is_rerun:
        one.charge(TEST, answer)
    assert one.n_reruns == granted
    assert "is used up" in answer.reason


def test_a_wait_that_others_fill_costs_nothing(tmp_path: Path) -> None:
    one = rerun_session(flow_in(tmp_path))
    assert one.decide(TEST, setback(1)).cost_s == pytest.approx(1.0)
    one.note_ran(TEST.nodeid)
    one.note_ran(OTHER.nodeid)
    alone = one.decide(TEST, setback(1))
    assert alone.cost_s == pytest.approx(1.0 + alone.delay_s)
    one.charge(TEST, alone)
    again = one.decide(TEST, setback(1))
    assert again.cost_s == pytest.approx(1.0)
    one.now.now_s += alone.delay_s  # type: ignore[attr-defined] # of the clock above
    assert one.decide(TEST, setback(1)).cost_s == pytest.approx(1.0 + again.delay_s)


def test_many_workers_end_sooner(tmp_path: Path) -> None:
    flow = flow_in(tmp_path, None, **{TEST.nodeid: 4.0})
    one = rerun_session(flow, settings=RerunSettings(delay_s=3.0))
    assert one.decide(TEST, setback(1)).cost_s == pytest.approx(1.0)
    one = rerun_session(flow, settings=RerunSettings(delay_s=3.0), n_workers=4)
    assert one.decide(TEST, setback(1)).cost_s == pytest.approx(1.0 + 2.0)


def test_an_entry_of_the_quarantine_is_found(tmp_path: Path) -> None:
    one = rerun_session(flow_in(tmp_path), text=QUARANTINE)
    entry = one.quarantine_of(TEST)
    assert entry is not None
    assert one.quarantine_of(OTHER) is None
    one.note_quarantined(TEST, entry)
    (found,) = one.findings
    assert (found.nodeid, found.kind) == (TEST.nodeid, "quarantined")
    assert found.reason == "drops connections (@net, until 2026-04-01)"


@pytest.mark.parametrize(
    ("taught", "known"), [((), "its first flake"), (("FP", "P"), "known: 1 flake in 2 runs")]
)
def test_a_healed_test_is_found_flaky(tmp_path: Path, taught: tuple[str, ...], known: str) -> None:
    if taught:
        teach(tmp_path, *taught)
    one = rerun_session(flow_in(tmp_path))
    first = SimpleNamespace(longrepr=SimpleNamespace(reprcrash=SimpleNamespace(message="a\nb")))
    one.note_flaky_pass(TEST, 2, first, has_passed=True)
    one.note_failure(OTHER, "failed in 2 of 2 attempts")
    assert [found.reason for found in one.findings] == [
        f"passed in attempt 2 ({known}): a",
        "failed in 2 of 2 attempts",
    ]
    assert one.n_flaky == 1


@pytest.mark.parametrize("longrepr", [None, "", "a text\nof lines", "x" * 500])
def test_any_representation_of_a_failure_is_one_short_line(tmp_path: Path, longrepr: Any) -> None:
    one = rerun_session(flow_in(tmp_path))
    one.note_flaky_pass(TEST, 2, SimpleNamespace(longrepr=longrepr), has_passed=False)
    assert one.findings[0].reason.startswith("skipped in attempt 2 (its first flake): ")
    assert "\n" not in one.findings[0].reason
    assert len(one.findings[0].reason) < 200


def test_a_failure_of_a_known_flake_is_told_from_a_new_one(tmp_path: Path) -> None:
    teach(tmp_path, "FP")
    one = rerun_session(flow_in(tmp_path))
    for test in (TEST, OTHER):
        one.note_failure(test, "failed in 2 of 2 attempts")
    assert [found.is_known for found in one.findings] == [True, False]


def test_where_nothing_is_repeated_failures_are_left_to_pytest(tmp_path: Path) -> None:
    one = rerun_session(flow_in(tmp_path), settings=RerunSettings(limit=0))
    answer = one.decide(TEST, setback())
    assert not answer.is_rerun
    one.note_failure(TEST, answer.reason)
    assert one.findings == []


def test_a_rerun_is_a_finding_with_its_sentence(tmp_path: Path) -> None:
    one = rerun_session(flow_in(tmp_path))
    answer = one.decide(TEST, setback())
    one.charge(TEST, answer)
    assert [(found.kind, found.reason) for found in one.findings] == [("rerun", answer.reason)]


def test_a_mass_failure_is_one_sentence(tmp_path: Path) -> None:
    flow = flow_in(tmp_path)
    one = rerun_session(flow)
    one.n_failed, one.n_ran = 40, 50
    one.note_mass_failure()
    assert_message(flow.notices, "NX304", "40 of 50")
