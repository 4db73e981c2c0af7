from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import divided, main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, failure, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt

A, B, C = "t.py::test_a", "t.py::test_b", "t.py::test_c[1]"
COMMIT = "0123456789abcdef"
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NEXUS_HISTORY", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flake(nodeid: str, call_s: float) -> list[Attempt]:
    return [
        attempt(nodeid, "failed", call_s=call_s, failure=failure("port is taken")),
        attempt(nodeid, number=2, call_s=call_s),
    ]


@pytest.fixture
def history(project: Path) -> None:
    """A is flaky, B is broken, C is flaky and dearer than A."""
    where = {"python": "3.12.1", "platform": "linux", "commit": COMMIT}
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        first = [attempt(name) for name in (A, B, C)]
        ingest_run(history, run(1, DAY_S, **where), first)  # type: ignore[arg-type] # by name
        second = [*flake(A, 0.5), attempt(B, "failed"), *flake(C, 2.0)]
        later = where | {"commit": "ff" * 8}
        ingest_run(history, run(2, 2 * DAY_S, exit_status=1, **later), second)  # type: ignore[arg-type] # by name


@pytest.mark.usefixtures("history")
def test_flaky_tests_are_listed_the_most_expensive_first(capsys):
    assert main(["flaky"]) == 0
    title, first, second, _, total = capsys.readouterr().out.splitlines()
    assert title.split()[:3] == ["flakes", "runs", "rate"]
    assert first.endswith(C)
    assert second.endswith(A)
    assert "1970-01-03" in first
    assert total == (
        "tests that failed: 2 flaky, 0 order-dependent, 1 broken, 0 recovered; flakes cost 5.0 s"
    )


@pytest.mark.usefixtures("history")
def test_all_shows_broken_tests_as_what_they_are(capsys):
    assert main(["flaky", "--all"]) == 0
    (broken,) = [line for line in capsys.readouterr().out.splitlines() if line.endswith(B)]
    assert broken.startswith("broken")


@pytest.mark.usefixtures("history")
def test_json_has_every_field(capsys):
    assert main(["flaky", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["key"] for one in found] == [C, A]
    assert found[1]["rate"]["flake_runs"] == 1
    assert found[1]["first"]["last_clean"] == COMMIT
    assert found[1]["clusters"][0]["message"] == "port is taken"
    assert found[1]["cost"]["reruns"] == 1


@pytest.mark.usefixtures("history")
def test_a_test_shows_its_evidence_run_by_run(capsys):
    assert main(["flaky", A]) == 0
    out = capsys.readouterr().out
    assert "flaky: failed and passed on the same commit in 1 of 2 runs" in out
    assert "first flake 1970-01-03: after 012345678, up to fffffffff, in 3.12 linux" in out
    assert "1 time AssertionError at src/a.py::run" in out
    assert out.rstrip().splitlines()[-1].split() == [
        *("1970-01-03", "00:00:00", "fffffffff", "3.12", "linux", "failed,", "passed", "flake"),
    ]


@pytest.mark.usefixtures("history")
def test_a_function_stands_for_its_parameters(capsys):
    assert main(["flaky", "t.py::test_c", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["key"] == C
    assert [each["proof"] for each in one["runs"]] == ["passed", "flake"]


@pytest.mark.usefixtures("history")
def test_an_unknown_test_is_named(capsys):
    assert main(["flaky", "t.py::test_z"]) == 1
    assert_message(capsys.readouterr().err, "NX520", "'t.py::test_z'")


def test_without_history_it_says_how_to_begin_one(capsys):
    assert main(["flaky"]) == 1
    assert "NX518" in capsys.readouterr().err


def test_where_nothing_failed_there_is_no_table(project, capsys):
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        ingest_run(history, run(1), [attempt()])
    assert main(["flaky"]) == 0
    assert capsys.readouterr().out.startswith("tests that failed: 0 flaky")


@pytest.mark.parametrize(
    ("given", "ours", "forwarded"),
    [
        (["flaky"], ["flaky"], []),
        (["flaky", "--all"], ["flaky", "--all"], []),
        (["flaky", "t.py::x"], ["flaky", "show", "t.py::x"], []),
        (["flaky", "show", "t.py::x"], ["flaky", "show", "t.py::x"], []),
        (["flaky", "hunt", "a", "--", "-k", "b"], ["flaky", "hunt", "a"], ["-k", "b"]),
        (["plan", "--", "-k", "b"], ["plan", "--", "-k", "b"], []),
        ([], [], []),
    ],
)
def test_the_sub_command_may_be_left_out_and_pytest_gets_the_rest(given, ours, forwarded):
    assert divided(given) == (ours, forwarded)


def test_arguments_for_pytest_are_refused_where_none_is_started(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["flaky", "--all", "--", "-k", "net"])
    assert_message(capsys.readouterr().err, "NX157", "-- -k net")


@pytest.mark.parametrize("n_runs", [1, 3])
def test_a_test_that_only_failed_has_no_rate(project: Path, capsys, n_runs: int):
    """No run tells whether it flakes; the prior of the estimate is 50 %."""
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        for number in range(1, n_runs + 1):
            ingest_run(history, run(number, number * DAY_S), [attempt(B, "failed")])
    assert main(["flaky", "--all"]) == 0
    title, row, *_ = capsys.readouterr().out.splitlines()
    cells = dict(zip(title.replace("90 %", "90_%").split(), row.split(), strict=False))
    assert (cells["runs"], cells["rate"], cells["90_%"]) == ("0", "-", "-")
    assert main(["flaky", B]) == 0
    said = capsys.readouterr().out
    assert "50.0 %" not in said
    assert "no run tells how often it flakes" in said
    for call in (["flaky", "--all", "--json"], ["flaky", B, "--json"]):
        assert main(call) == 0
        (one,) = json.loads(capsys.readouterr().out)
        for rate in (one["rate"], *(each["rate"] for each in one["environments"])):
            assert (rate["runs"], rate["mean"], rate["high"]) == (0, None, None)
