"""Recorded builds as a history: commands about histories work on them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from pathlib import Path

BUILDS = """\
build_id,seq,timestamp,commit,kind,changed_files,changed_src,lines_changed,n_tests,n_failed,n_fault,tests_s
b1,0,1700000000,c1,pass,src/a.py,src/a.py,3,2,0,0,3.0
b2,1,1700000060,c2,fresh,src/a.py,src/a.py,3,2,1,1,3.0
"""
TESTS = """\
build_id,nodeid,order,outcome,setup,call,teardown,base_failed,fault
b1,t.py::a,0,passed,0,1,0,0,0
b1,t.py::b,1,passed,0,2,0,0,0
b2,t.py::a,0,failed,0,1,0,0,1
b2,t.py::b,1,passed,0,2,0,0,0
"""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    for name, text in (("builds", BUILDS), ("tests", TESTS)):
        with gzip.open(tmp_path / f"small.{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write(text)
    return tmp_path


def test_kept_builds_have_an_energy_report(samples, capsys):
    path = samples / "new" / "history.sqlite3"
    assert main(["demo", "--keep", str(path), "--data", str(samples)]) == 0
    assert "small: 2 recorded builds and 4 attempts kept" in capsys.readouterr().out
    with open_history(path) as history:
        assert history.count_runs() == 2
    report = ["green", "report", "--history", str(path)]
    assert main([*report, "--weeks", "0", "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert (total["runs"], total["assumed"], total["cpu_s"]) == (2, 2, None)
    assert total["wh"] > 0
    assert main(report) == 0
    said = capsys.readouterr().out
    assert "no run of the last 12 weeks; --weeks 0 shows 2 older runs" in said
    assert main(["demo", "--keep", str(path), "--data", str(samples)]) == 1
    assert "[NX309]" in capsys.readouterr().err


def test_no_builds_to_keep_is_one_error(samples, capsys):
    path = samples / "h.sqlite3"
    for asked in (["--data", str(samples / "none")], ["--data", str(samples), "--project", "x"]):
        assert main(["demo", "--keep", str(path), *asked]) == 1
        assert "[NX300]" in capsys.readouterr().err
    assert not path.exists()
    (samples / "small.tests.csv.gz").unlink()
    assert main(["demo", "--keep", str(path), "--data", str(samples)]) == 1
    assert "[NX153]" in capsys.readouterr().err
    assert not path.exists()
