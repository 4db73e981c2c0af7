"""Which uses of a test are kept as its fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Attempt, Outcome, PhaseResult
from pytest_nexus.history.ingest import ingest_run
from tests.support.builders import attempt, run
from tests.support.uses import dependency, session_uses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.store import History

KEY, OTHER = "a.py::t", "a.py::u"


def add(
    history: History,
    uid: int,
    *names: str,
    attempts: Sequence[Attempt] = (),
    at: float | None = None,
    obstacle: str = "",
    **fields: object,
) -> None:
    """Add a run in which the test used some things; it passes if no attempts are given."""
    made = run(uid, uid * 10.0 if at is None else at, commit="c" * 40)._replace(**fields)  # type: ignore[arg-type] # by name
    uses = session_uses({KEY: names}, {KEY: obstacle}) if names else None
    ingest_run(history, made, attempts or [attempt(KEY)], uses=uses)


def kept(history: History, key: str = KEY) -> list[str]:
    """The functions of each fingerprint, with the number of its run."""
    known = history.uses()
    assert history.check() == []
    return [
        " ".join(
            [
                *sorted(known.dependencies[each].name.split("::")[-1] for each in found.members),
                str(int(found.run_uid, 16)),
            ]
        )
        for found in known.fingerprints.get(key, ())
    ]


def test_pass_keeps_what_the_test_used(history: History) -> None:
    add(history, 1, "s.py::f", "s.py", "HOME")
    known = history.uses()
    (found,) = known.fingerprints[KEY]
    assert {known.dependencies[each] for each in found.members} == {
        dependency(name) for name in ("s.py::f", "s.py", "HOME")
    }
    assert (found.run_uid, found.at, found.commit) == (f"{1:032x}", 10.0, "c" * 40)
    assert set(known.modules) == {"a" * 16}
    assert [name for name, _ in known.modules["a" * 16].statements] == ["", "SIDES", "Shape.area"]


def test_commit_of_a_changed_tree_is_named_too(history: History) -> None:
    made = run(1, 10.0, commit="c" * 40, dirty=True)
    ingest_run(history, made, [attempt(KEY)], uses=session_uses({KEY: ["s.py::f"]}))
    assert history.uses().fingerprints[KEY][0].commit == "c" * 40


def test_same_uses_again_are_refreshed(history: History) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g")
    add(history, 3, "s.py::f")
    assert kept(history) == ["f 3", "g 2"]


def test_content_counts_not_the_name(history: History) -> None:
    add(history, 1, "s.py::f=1")
    add(history, 2, "s.py::f=2")
    assert kept(history) == ["f 2", "f 1"]
    first, second = history.uses().fingerprints[KEY]
    assert first.members.isdisjoint(second.members)


def test_four_fingerprints_are_kept(history: History) -> None:
    for uid in range(1, 7):
        add(history, uid, f"s.py::f{uid}")
    assert kept(history) == ["f6 6", "f5 5", "f4 4", "f3 3"]


def test_failure_removes_the_same_uses_alone(history: History) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g")
    add(history, 3, "s.py::f", attempts=[attempt(KEY, "failed")])
    assert kept(history) == ["g 2"]


@pytest.mark.parametrize(
    ("names", "obstacle"), [((), ""), (("s.py::h",), "it opens a network connection")]
)
def test_failure_with_unknown_uses_removes_all(
    history: History, names: tuple[str, ...], obstacle: str
) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g")
    ingest_run(history, run(8, 5.0), [attempt(OTHER)], uses=session_uses({OTHER: ["s.py::f"]}))
    add(history, 3, *names, obstacle=obstacle, attempts=[attempt(KEY, "failed")])
    assert kept(history) == []
    assert kept(history, OTHER) == ["f 8"]


@pytest.mark.parametrize("outcome", ["skipped", "xfailed", "xpassed", "failed", "error"])
def test_only_a_pass_is_kept(history: History, outcome: Outcome) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g", attempts=[attempt(KEY, outcome)])
    assert kept(history) == ["f 1"]


def test_error_in_the_tear_down_is_a_failure(history: History) -> None:
    add(history, 1, "s.py::f")
    broken = attempt(KEY)._replace(teardown=PhaseResult("error", 0.1))
    add(history, 2, "s.py::f", attempts=[broken])
    assert kept(history) == []


def test_rerun_test_is_not_kept_and_its_failure_counts(history: History) -> None:
    add(history, 1, "s.py::f")
    attempts = [attempt(KEY, "failed"), attempt(KEY, number=2)]
    add(history, 2, "s.py::g", attempts=attempts)
    assert kept(history) == ["f 1"]
    add(history, 3, "s.py::f", attempts=attempts)
    assert kept(history) == []


def test_failure_repaired_in_a_fresh_process_counts(history: History) -> None:
    add(history, 1, "s.py::f")
    attempts = [attempt(KEY, "failed"), attempt(KEY, number=2, worker="fresh")]
    add(history, 2, "s.py::f", attempts=attempts)
    assert kept(history) == []


@pytest.mark.parametrize(
    "fields", [{"trust": "fork"}, {"source": "durations"}], ids=["fork", "durations"]
)
def test_run_that_proves_nothing_keeps_nothing(history: History, fields: dict[str, str]) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g", **fields)
    add(history, 3, attempts=[attempt(KEY, "failed")], **fields)
    assert kept(history) == ["f 1"]


def test_accepted_fork_brings_no_uses(history: History) -> None:
    add(history, 1, "s.py::f")
    add(history, 2, "s.py::g", trust="fork", head="b" * 40)
    assert history.accept(["b" * 40]) == 1
    assert kept(history) == ["f 1"]


def test_test_with_an_obstacle_or_without_any_use_is_not_kept(history: History) -> None:
    add(history, 1, "s.py::f", obstacle="it opens a network connection")
    ingest_run(history, run(2, 20.0), [attempt(KEY)], uses=session_uses({KEY: []}))
    assert kept(history) == []


def test_selected_runs_and_tests_left_out_change_nothing_else(history: History) -> None:
    add(history, 1, "s.py::f")
    ingest_run(
        history,
        run(2, 20.0)._replace(selected_by=("-k",)),
        [attempt(OTHER)],
        uses=session_uses({OTHER: ["s.py::g"], "a.py::unknown": ["s.py::g"]}),
    )
    assert (kept(history), kept(history, OTHER)) == (["f 1"], ["g 2"])
    assert list(history.uses().fingerprints) == [KEY, OTHER]


def test_older_run_that_arrives_late_does_not_overrule(history: History) -> None:
    add(history, 2, "s.py::f", at=20.0)
    add(history, 1, "s.py::f", at=10.0, attempts=[attempt(KEY, "failed")])
    assert kept(history) == ["f 2"]
    add(history, 3, "s.py::f", at=5.0)
    add(history, 4, "s.py::g", at=1.0)
    assert kept(history) == ["f 2", "g 4"]
