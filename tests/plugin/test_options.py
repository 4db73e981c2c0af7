"""Options come from one table, with one precedence, and are validated before collection."""

from __future__ import annotations

import pytest

from pytest_nexus.options import OPTIONS, read_options

PASSING = "def test_a(): pass"


def parse(pytester: pytest.Pytester, *arguments: str):
    return read_options(pytester.parseconfig(*arguments))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


def test_defaults_are_relative_to_the_rootdir(pytester):
    options = parse(pytester)
    assert options.history == pytester.path / ".nexus" / "history.sqlite3"
    assert options.journal == pytester.path / ".nexus" / "journal"
    assert options.order == "risk"
    assert set(options.sources.values()) == {"default"}


def test_ini_overrules_the_default(pytester):
    pytester.makeini("[pytest]\nnexus_order = off\nnexus_ingest = false")
    options = parse(pytester)
    assert (options.order, options.ingest) == ("off", False)
    assert options.sources["nexus_order"] == "ini"


def test_environment_overrules_the_ini_file(pytester, monkeypatch):
    pytester.makeini("[pytest]\nnexus_order = off")
    monkeypatch.setenv("NEXUS_ORDER", "risk")
    options = parse(pytester)
    assert (options.order, options.sources["nexus_order"]) == ("risk", "environment")


def test_command_line_overrules_the_environment(pytester, monkeypatch):
    monkeypatch.setenv("NEXUS_INGEST", "1")
    options = parse(pytester, "--no-nexus-ingest")
    assert (options.ingest, options.sources["nexus_ingest"]) == (False, "command line")


def test_native_toml_booleans_are_read(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nnexus = true\nnexus_ingest = false")
    assert parse(pytester).ingest is False


@pytest.mark.parametrize(
    ("arguments", "ini", "environment", "said"),
    [
        (["--nexus-order=fast"], "", {}, "--nexus-order must be 'risk' or 'off', got 'fast'"),
        ([], "nexus_order = quick", {}, "ini option nexus_order must be 'risk' or 'off'"),
        ([], "nexus_ingest = perhaps", {}, "ini option nexus_ingest must be true or false"),
        ([], "", {"NEXUS_INGEST": "2"}, "environment variable NEXUS_INGEST must be true or false"),
        (["--nexus-base="], "", {}, "--nexus-base must be a text that is not empty, got ''"),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_it(
    pytester, monkeypatch, arguments, ini, environment, said
):
    pytester.makeini(f"[pytest]\nnexus = true\n{ini}")
    pytester.makepyfile(PASSING)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = pytester.runpytest_subprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str() + result.stdout.str()
    assert "INTERNALERROR" not in result.stdout.str()
    assert not (pytester.path / ".nexus").exists()


def test_a_wrong_value_does_not_matter_while_nexus_is_off(pytester):
    pytester.makeini("[pytest]\nnexus_order = quick")
    pytester.makepyfile(PASSING)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_help_shows_each_option_once(pytester):
    output = pytester.runpytest_subprocess("--help").stdout.str()
    for option in OPTIONS:
        assert output.count(f"  {option.flag}") == output.count(f"\n  {option.flag}") >= 1
