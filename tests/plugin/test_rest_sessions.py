"""Sessions that run the rest of a selection, because one of the likely tests failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.wording import counted
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.selection.rest import AFTER_FAILURE, ONLY_REST
from tests.plugin.test_likely_sessions import ALL, GAP, SELECT, Promised, left, lines
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

REPEATED = ("--nexus-reruns=2", "--nexus-rerun-delay=0", "--nexus-rerun-budget=100")
WAYS = pytest.mark.parametrize(
    "way",
    [
        REPEATED,
        ("--nexus-reruns=0",),
        (*REPEATED, "-n", "2"),
        (*REPEATED, "-n", "2", "--dist", "loadfile"),
    ],
    ids=["plain", "no reruns", "workers", "files on workers"],
)


@WAYS
def test_after_a_failure_the_tests_run_that_were_left_out(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    promised = Promised(tmp_path)
    promised.change("a", value=2)
    result = promised.run(*way)
    assert sorted(set(result.names)) == ALL
    assert set(result.names[: result.names.count("test_a")]) == {"test_a"}, "the likely one first"
    assert "1 failed, 7 passed" in result.stdout
    assert "deselected" not in result.stdout.splitlines()[-1]
    assert "nexus: a test failed, so 7 tests left out before run too" in result.stdout
    assert result.exit_status == 1
    assert (
        "a test failed, so 7 tests that confidence:90% leaves out ran too; 0 of 1 failed test"
        " among them"
    ) in result.said
    first, last = lines(result, "selection")
    assert (first["left"], last["left"]) == (7, 0)
    assert (last["mode"], last["why"], last["gap"]) == ("on", AFTER_FAILURE, GAP)
    assert lines(result, "collection")[-1]["selected"] == 8


@pytest.mark.parametrize(
    ("way", "is_planned"),
    [((), False), ((), True), (("-n", "2"), True)],
    ids=["plain", "plain with a plan", "workers with a plan"],
)
def test_a_shard_runs_its_part_of_the_rest_and_verify_accepts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], way: tuple[str, ...], *, is_planned: bool
) -> None:
    promised = Promised(tmp_path)
    promised.change("a", value=2)
    options = ["--no-nexus-ingest", "--nexus-journal=journals", "--nexus-reruns=0", *way]
    if way:
        options += REPEATED
    if is_planned:
        made = promised.project.nexus(
            "plan", "--shards=2", "--output=plan.json", "--", "-p", "nexus_no_sample", SELECT
        )
        assert made.returncode == 0, made.stderr
        options += ["--nexus-plan=plan.json"]
    else:
        options += [SELECT]
    caught, passed = (
        promised.project.run("-p", "nexus_no_sample", f"--nexus-shard={shard}/2", *options)
        for shard in (1, 2)
    )
    assert (caught.exit_status, passed.exit_status) == (1, 0)
    assert set(caught.names[: caught.names.count("test_a")]) == {"test_a"}
    assert passed.names == []
    n_rest = len(set(caught.names)) - 1
    assert 1 <= n_rest <= 6, "both shards have a part"
    tests = counted(n_rest, "test")
    assert f"nexus: a test failed, so {tests} left out before run too" in caught.stdout
    assert any("of other shards left out" in line for line in caught.said)
    capsys.readouterr()
    assert main(["verify", str(promised.project.root / "journals")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        f"2 shards, 8 tests collected, {1 + n_rest} ran exactly once, the rest were left:"
        f" {7 - n_rest} unlikely to fail at confidence:90%"
    )
    assert said[1:] == ["  note: a test failed; `nexus run --rest` can run the rest of shard 2"]
    if is_planned:
        rest = promised.project.run("--nexus-shard=2/2", *options, "--nexus-select-rest=only")
        assert (rest.exit_status, len(rest.names)) == (0, 7 - n_rest)
        assert not set(rest.names) & set(caught.names)
        assert (
            f"only the rest of the shard ran: {counted(7 - n_rest, 'test')} that confidence:90%"
            " leaves out; 0 tests failed"
        ) in rest.said
        journals = (promised.project.root / "journals").iterdir()
        journal = max(journals, key=lambda path: path.stat().st_mtime_ns)  # names count seconds
        assert f'"why":"{ONLY_REST}"' in journal.read_text()
        assert '"kind":"forecasts"' not in journal.read_text(), "shard 1 named these tests"
        assert main(["verify", str(promised.project.root / "journals")]) == 0
        assert capsys.readouterr().out == "2 shards, 8 tests collected, each ran exactly once\n"
        assert promised.project.nexus("history", "import", "journals").returncode == 0
        with open_history(promised.project.history_path) as history:
            assert len(history.selection.left_out_in()) == 3, "none is evidence for the promise"
            assert history.selection.checks() == []


def test_the_rest_alone_needs_the_plan_of_the_run(tmp_path: Path) -> None:
    result = Project(tmp_path).run("--nexus-select-rest=only")
    assert (result.exit_status, result.names) == (4, [])
    assert "no plan says which tests were left out; give the plan of the run" in result.stderr


def test_a_single_shard_runs_the_rest_and_verify_accepts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = Promised(tmp_path)
    promised.change("a", value=2)
    options = ("--nexus-shard=1/1", "--no-nexus-ingest", "--nexus-journal=journals")
    result = promised.project.run("-p", "nexus_no_sample", SELECT, *REPEATED, *options)
    assert "1 failed, 7 passed" in result.stdout
    assert main(["verify", str(promised.project.root / "journals")]) == 0
    assert "8 tests collected, each ran exactly once" in capsys.readouterr().out


def test_the_history_counts_such_a_run_as_no_check_of_the_promise(tmp_path: Path) -> None:
    promised = Promised(tmp_path)
    promised.change("a", value=2)
    said = promised.run("-q").stdout.splitlines()
    assert said[1].startswith("......."), "the rest begins a line, though -q says nothing of it"
    with open_history(promised.project.history_path) as history:
        (selected,) = history.selection.runs()
        assert (selected.mode, selected.n_left, selected.n_failed) == ("on", 0, 1)
        assert history.selection.checks() == []
        runs = {key.rpartition("::")[2]: one.runs for key, one in history.stats().items()}
        quality = history.quality.read()[-1].quality
    assert runs == dict.fromkeys(ALL, 2)
    assert (quality.n_left, quality.n_tests) == (0, 8)


@pytest.mark.parametrize(
    ("arguments", "select"),
    [
        (("--nexus-select-rest=never",), "--nexus-select=confidence:90%"),
        (("-x",), "--nexus-select=confidence:90%"),
        (("-x", "-n", "2"), "--nexus-select=confidence:90%"),
        ((), "--nexus-select=confidence:90%,budget:99%"),
        (("--nexus-reruns=0", "-n", "2"), "--nexus-select=confidence:90%"),
    ],
    ids=["not asked for", "stopped", "workers stopped", "budget", "no waiting workers"],
)
def test_nothing_more_runs_if_it_must_not(
    tmp_path: Path, arguments: tuple[str, ...], select: str
) -> None:
    promised = Promised(tmp_path)
    promised.change("a", value=2)
    result = promised.run(*arguments, select=select)
    assert set(result.names) == {"test_a"}
    assert "7 deselected" in result.stdout
    assert set(left(result)) == set(ALL[1:])


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_without_a_failure_nothing_more_runs(tmp_path: Path, way: tuple[str, ...]) -> None:
    result = Promised(tmp_path).run(*way)
    assert (result.names, result.exit_status) == (["test_a"], 0)
    assert len(lines(result, "selection")) == 1


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_flaky_test_that_passes_again_does_not_call_for_the_rest(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    promised = Promised(tmp_path)
    once = "from pathlib import Path\n\ndef value_a():\n    new = not Path('once').exists()\n"
    promised.project.write(
        {"a.py": once + "    Path('once').touch()\n    return 2 if new else 1\n"}
    )
    result = promised.run(*way, *REPEATED)
    assert (set(result.names), result.exit_status) == ({"test_a"}, 0)


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_flaky_test_of_the_rest_is_repeated(tmp_path: Path, way: tuple[str, ...]) -> None:
    text = """
        from pathlib import Path

        def value_b():
            is_bad = Path("now").exists() and not Path("once").exists()
            if is_bad:
                Path("once").touch()
            return 2 if is_bad else 1
    """
    promised = Promised(tmp_path, {"b.py": text})
    for name in "cdefgh":
        promised.change(name)
    promised.change("a", value=2)
    promised.project.write({"now": ""})
    result = promised.run(*way, *REPEATED)
    assert sorted(set(result.names)) == ALL
    assert "1 failed, 6 passed, 3 rerun, 1 flaky" in result.stdout, result.said


BROKEN = """
    import {module} as module

    def fail(*args, **kwargs):
        raise RuntimeError("planted")

    module.{name} = fail
"""


@pytest.mark.parametrize(
    ("place", "way"),
    [
        ("pytest_nexus.run.rest_of_tests:RestOfTests.keep", ()),
        ("pytest_nexus.run.rest_of_tests:RestOfTests.release", ()),
        ("pytest_nexus.run.rest_of_tests:RestOfTests.release", ("--nexus-reruns=0",)),
        ("pytest_nexus.session.pipeline:Pipeline.add_rest", ("-n", "2")),
        ("pytest_nexus.run.rest_of_tests:RestOnWorkers.release", ("-n", "2")),
        ("pytest_nexus.record.recorder:Recorder.note_rest", ()),
    ],
)
def test_an_error_in_the_rest_costs_one_line(
    tmp_path: Path, place: str, way: tuple[str, ...]
) -> None:
    module, _, name = place.partition(":")
    promised = Promised(tmp_path)
    promised.project.write({"planted.py": BROKEN.format(module=module, name=name)})
    promised.change("a", value=2)
    result = promised.run(*REPEATED, *way, "-p", "planted")
    assert result.exit_status == 1
    assert "1 failed" in result.stdout
    assert sum("planted" in line for line in result.said) == 1, result.said
    assert len(set(result.names)) in {1, 8}, "either all tests of the rest run, or none"
