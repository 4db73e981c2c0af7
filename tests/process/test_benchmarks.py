"""The benchmarks run on their smallest sizes; what they measure is for people to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.mutants import KINDS, choose_mutants
from tests.benchmarks.planted_part import MOST_S, MOST_TESTS, Kept, bounded_part
from tests.benchmarks.table import Table, at_least, markdown, within

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the benchmarks need os.wait4")
def test_quick_run_prints_a_table_and_writes_what_was_measured(tmp_path):
    subjects = (
        "planning",
        "ingest",
        "detection",
        "rerun_delay",
        "ci_histories",
        "selection_replay",
    )
    done = bench(*subjects, "--quick", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "| tests | modules | cpu s |" in done.stdout
    assert "| 20 | stable | 2 | 0 | 0 | 0 | 2 | 0 |" in done.stdout
    assert "| at once, 3 times | 0 | 0.150 | 3 | 0 | 0.150 | 3 |" in done.stdout
    assert done.stdout.endswith("## Budgets that are missed\n\n- none\n")
    assert "There is nothing to measure here." in done.stdout
    document = json.loads((tmp_path / "ingest.json").read_text())
    assert document["tables"][0]["rows"][0]["what"].startswith("4 journals")
    assert len(document["tables"][0]["samples"]["single"]) == 2


def test_unknown_subject_is_refused_with_the_names_of_those_that_exist():
    done = bench("spped")
    assert done.returncode == 2
    assert "got 'spped'" in done.stderr
    assert "per_test" in done.stderr


def test_missed_budget_is_named_in_the_table():
    rows = [{"what": "a", "budget": within(4.14, 3, "%")}, {"what": "b", "more": 12_345.6}]
    assert markdown(Table("T", rows)).splitlines()[2:] == [
        "| what | budget | more |",
        "| --- | --- | ---: |",
        "| a | misses: 4.14 % > 3 % |  |",
        "| b |  | 12,346 |",
    ]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (within(3, 3, "%"), "meets: 3 % <= 3 %"),
        (within(-0.25, 3, "%"), "meets: -0.250 % <= 3 %"),
        (within(150.04, 150, "ms"), "misses: 150.04 ms > 150 ms"),
        (at_least(100, 100, "/s"), "meets: 100 /s >= 100 /s"),
        (at_least(99.5, 100, "/s"), "misses: 99.5 /s < 100 /s"),
    ],
)
def test_budget_is_kept_up_to_its_limit(verdict, said):
    assert verdict == said


def test_mutants_of_every_kind_differ_from_their_file_and_compile(tmp_path):
    source = tmp_path / "src/box.py"
    source.parent.mkdir()
    source.write_text(
        "from functools import cache\nLIMIT = 3\nclass Box:\n    size = 'big'\n"
        "@cache\ndef area(side=2):\n    if side:\n        return side * LIMIT\n"
    )
    data = tmp_path / "tests/words.txt"
    data.parent.mkdir()
    data.write_text("a\nb\n")
    chosen = choose_mutants(tmp_path, 12, seed=1)
    assert {one.kind for one in chosen} == set(KINDS)
    assert chosen == choose_mutants(tmp_path, 12, seed=1)
    for one in chosen:
        assert one.content != (tmp_path / one.path).read_bytes()
        if one.path.endswith(".py"):
            compile(one.content, one.path, "exec")


def test_part_of_a_suite_holds_failing_tests_and_their_neighbours_within_its_bounds():
    seconds = {f"{name}.py::x{at}": 0.01 for name in "abcdefg" for at in range(MOST_TESTS // 4)}
    failed = {"c.py::x0", "d.py::x1", "d.py::x2"}
    assert bounded_part(seconds, failed) == ["b.py", "c.py", "d.py", "e.py"]
    slow = seconds | {"b.py::x0": MOST_S, "d.py::x0": MOST_S}
    assert bounded_part(slow, failed) == ["a.py", "c.py", "e.py", "f.py"]
    assert bounded_part({**slow, "c.py::x0": 2 * MOST_S}, {"c.py::x0"}) == ["c.py"]


def test_what_was_measured_is_there_for_the_next_call(tmp_path):
    kept = Kept.read(tmp_path / "kept.json")
    kept.keep("0 part", {"files": ["a.py"]})
    kept.keep("0, one process", [[0.5, "a.py::x"]])
    assert Kept.read(kept.path).values == {
        "0 part": {"files": ["a.py"]}, "0, one process": [[0.5, "a.py::x"]],
    }  # fmt: skip
