from __future__ import annotations

import pytest

from pytest_nexus.checkup import version_checks
from pytest_nexus.checkup.findings import Finding, as_finding
from pytest_nexus.checkup.session_probe import Probed
from pytest_nexus.checkup.settings_checks import settings_findings
from pytest_nexus.checkup.version_checks import is_installed, missing_extra, version_findings
from pytest_nexus.launch.settings_plugin import SessionSettings

UNDONE = {"nexus_select": "budget:30%", "nexus_dist": "off"}
GOOD = SessionSettings(has_nexus=True, is_on=True)


def codes(settings: SessionSettings | None, *variables: str, has_runs: bool = True) -> list[str]:
    probed = Probed(settings, "no module named x")
    return [one.code for one in settings_findings(probed, variables, has_runs=has_runs)]


def test_good_settings_have_no_finding() -> None:
    assert codes(GOOD, "NEXUS_SHARD", "PATH") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"has_nexus": False}, ["NX586"]),
        ({"keys": ("nexus_oder", "addopts")}, ["NX202"]),
        ({"shuffled_by": "randomly"}, ["NX588"]),
        ({"repeated_by": "rerunfailures"}, ["NX589"]),
        ({"limits": ("-x", "--testmon")}, ["NX590", "NX590"]),
        ({"dist": "each"}, ["NX592"]),
        ({"values": {"nexus_select": "affected", "nexus_dependencies": "True"}}, []),
        ({"values": {"nexus_select": "affected", "nexus_dependencies": "False"}}, ["NX592"]),
        ({"values": UNDONE, "dist": "load"}, ["NX592"]),
        ({"values": UNDONE}, []),
        ({"refused": "--nexus-order must be risk, got 'x' [NX101]"}, ["NX101"]),
    ],
)  # fmt: skip
def test_each_wrong_setting_is_named(changes: dict[str, object], expected: list[str]) -> None:
    assert codes(GOOD._replace(**changes)) == expected  # type: ignore[arg-type] # fields by name


def test_nexus_may_be_off_where_runs_are_recorded_by_the_command_line() -> None:
    off = GOOD._replace(is_on=False)
    assert codes(off) == []
    assert codes(off, has_runs=False) == ["NX587"]


def test_a_session_that_does_not_start_is_named_with_its_reason() -> None:
    found = list(settings_findings(Probed(None, "no module x"), ["NEXUS_SHRAD"], has_runs=True))
    assert [one.code for one in found] == ["NX201", "NX585"]
    assert found[1].problem == "pytest does not start here: no module x"
    assert all(one.remedy for one in found)


def test_a_sentence_of_another_part_keeps_its_last_code() -> None:
    assert as_finding("a [NX1] b [NX412] [NX218]", "c") == Finding("NX218", "a [NX1] b", "c")
    assert as_finding("of a plugin", "c").code == ""


def test_old_versions_are_named_for_the_settings_that_need_later_ones() -> None:
    tracked = {"nexus_dependencies": "True"}
    assert list(version_findings(tracked, (3, 12))) == []
    (found,) = version_findings(tracked, (3, 11))
    assert found.code == "NX594"
    assert "Python 3.11" in found.problem
    assert list(version_findings({}, (3, 11))) == []


def test_an_old_distribution_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_checks, "_version", {"pytest": "8.2.0rc1"}.get)
    assert list(version_findings({})) == []
    monkeypatch.setattr(version_checks, "_version", {"pytest-xdist": "3.5.1"}.get)
    (found,) = version_findings({})
    assert found.remedy == "pip install 'pytest-xdist>=3.6'"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        version_checks, "EXTRAS", {"train": ("no_such.package",), "otel": ("json",)}
    )
    assert [one.code for one in missing_extra("train", "x")] == ["NX595"]
    assert list(missing_extra("otel", "x")) == []
    assert not is_installed("no_such.package")
