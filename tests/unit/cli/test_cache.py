"""`nexus cache key` and `nexus cache report` on a made-up history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli import cache_use
from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Change, TestKey
from pytest_nexus.environments.known_use import KnownUse
from pytest_nexus.forecast import forecaster
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.sharding.divide import divide_plan, inputs_of
from pytest_nexus.plan.sharding.document import save_plan
from tests.support.builders import collected

if TYPE_CHECKING:
    from pathlib import Path

USE = KnownUse(
    {TestKey("t.py::a"): frozenset({"pytest"}), TestKey("u.py::b"): frozenset({"requests"})},
    frozenset(),
    3,
)
LOCK = "pytest==9.0\nrequests==2.0\nunused==1.0\n"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    path = tmp_path / "requirements.txt"
    path.write_text(LOCK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEXUS_HISTORY", raising=False)
    monkeypatch.setattr(cache_use, "read_known_use", lambda _: USE)
    return path


def call(capsys: pytest.CaptureFixture[str], *given: str, status: int = 0) -> tuple[str, str]:
    assert main(["cache", *given]) == status
    said = capsys.readouterr()
    return said.out, said.err


def test_a_key_is_one_line(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "key", f"--lock={lock}")
    assert out.count("\n") == 1
    assert "3 tests left no record of uses" in err
    assert "[NX174]" in err


def test_only_used_pins_change_it(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = call(capsys, "key", f"--lock={lock}")
    lock.write_text(LOCK.replace("unused==1.0", "unused==2.0"))
    assert call(capsys, "key", f"--lock={lock}")[0] == before
    lock.write_text(LOCK.replace("requests==2.0", "requests==2.1"))
    assert call(capsys, "key", f"--lock={lock}")[0] != before


def test_a_pin_that_is_missing_is_named(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock.write_text("pytest==9.0\n")
    assert "the lock does not pin requests" in call(capsys, "key", f"--lock={lock}")[1]


def test_without_knowledge_the_key_says_so(
    lock: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_use, "read_known_use", lambda _: KnownUse({}, frozenset(), 0))
    assert "made of the whole lock [NX173]" in call(capsys, "key", f"--lock={lock}")[1]
    assert "made of the whole environment [NX173]" in call(capsys, "key")[1]
    assert "[NX177]" in call(capsys, "report")[1]


def test_the_installed_environment_is_the_default(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(call(capsys, "key", "--json", "--extra", str(lock))[0])
    assert found["basis"] == "used"
    assert {"pytest", "pluggy", "requests", "urllib3"} <= {*found["distributions"]}
    assert "hypothesis" not in found["distributions"]


def test_a_report_names_sizes_and_what_is_unused(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.write_text("requests\nhypothesis\n")
    out, _ = call(capsys, "report")
    assert "Declared, but used by no test: hypothesis." in out
    assert "2 tests told what they use; 3 did not." in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["requests"][3] == "1"
    assert rows["urllib3"][3:] == ["0", "requests", "-"]
    found = json.loads(call(capsys, "report", "--json")[0])
    assert found["unused_declared"] == ["hypothesis"]
    assert 0 < found["saving_bytes"] < found["size_bytes"]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    tests = [collected(name) for name in ("t.py::a", "u.py::b")]
    made = make_plan(tests, {}, Change(), forecaster=forecaster.load())
    made, split = divide_plan(made, made.setups, 2)
    path = tmp_path / "plan.json"
    path.write_text(save_plan(made, len(split.loads_s), inputs_of(made, made.setups)))
    return path


def test_a_shard_gets_the_requirements_of_its_tests(
    lock: Path, plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del lock
    found = [
        {line.partition("==")[0] for line in call(
            capsys, "report", f"--shard={shard}/2", f"--plan={plan}"
        )[0].splitlines()}
        for shard in (1, 2)
    ]  # fmt: skip
    assert all("pytest" in names and "hypothesis" not in names for names in found)
    assert sorted("requests" in names for names in found) in ([False, True], [True, True])
    shown = json.loads(call(capsys, "report", "--shard=1/2", f"--plan={plan}", "--json")[0])
    assert {*shown} == {"shard", "tests", "requirements"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--shard=1/2"], "NX176"),
        (["--plan=plan.json"], "NX176"),
        (["--shard=1/3", "--plan=plan.json"], "NX451"),
        (["--shard=3/2", "--plan=plan.json"], "NX102"),
        (["--shard=1/2", "--plan=gone.json"], "NX171"),
    ],
)
def test_a_shard_needs_its_plan(
    lock: Path, plan: Path, capsys: pytest.CaptureFixture[str], given: list[str], code: str
) -> None:
    del lock, plan
    assert f"[{code}]" in call(capsys, "report", *given, status=1)[1]
