"""Options come from one table, with one precedence, and are validated before collection."""

from __future__ import annotations

import re

import pytest

from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.options import read_options
from pytest_nexus.plan.reruns.rerun_policy import budget_s

PASSING = "def test_a(): pass"


def parse(pytester: pytest.Pytester, *arguments: str):
    # At the end of each configuration that plugin collects garbage five times, for half a second.
    return read_options(pytester.parseconfig("-p", "no:unraisableexception", *arguments))


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


def test_a_plan_is_found_from_where_it_is_typed(pytester, monkeypatch):
    pytester.makeini("[pytest]\nnexus_plan = plan.json")
    root = pytester.path
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")
    assert read_options(pytester.parseconfig("--rootdir", root)).plan == root / "plan.json"
    typed = pytester.parseconfig("--rootdir", root, "--nexus-plan=../plan.json")
    assert read_options(typed).plan == root / "below" / "../plan.json"
    monkeypatch.setenv("NEXUS_PLAN", "plan.json")
    told = pytester.parseconfig("--rootdir", root)
    assert read_options(told).plan == root / "below" / "plan.json"


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


def test_reruns_are_adaptive_by_default(pytester):
    options = parse(pytester)
    assert (options.reruns, options.rerun_delay_s, options.rerun_budget) == (None, None, "5%")
    assert (options.fail_on_flaky, options.quarantine.name) == (False, "nexus-quarantine.toml")


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--nexus-reruns=adaptive", "reruns", None),
        ("--nexus-reruns=0", "reruns", 0),
        ("--nexus-reruns= 3 ", "reruns", 3),
        ("--nexus-reruns=999", "reruns", 999),
        ("--nexus-rerun-delay=adaptive", "rerun_delay_s", None),
        ("--nexus-rerun-delay=0", "rerun_delay_s", 0.0),
        ("--nexus-rerun-delay=1.5", "rerun_delay_s", 1.5),
        ("--nexus-rerun-delay=2s", "rerun_delay_s", 2.0),
        ("--nexus-rerun-budget=7.5%", "rerun_budget", "7.5%"),
        ("--nexus-rerun-budget=30s", "rerun_budget", "30s"),
        ("--nexus-rerun-budget=0", "rerun_budget", "0"),
        ("--nexus-fail-on-flaky", "fail_on_flaky", True),
    ],
)
def test_options_of_reruns_are_read(pytester, argument, name, value):
    assert getattr(parse(pytester, argument), name) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [("nexus_reruns", "2"), ("nexus_rerun_delay", "3"), ("nexus_rerun_budget", "9")],
)
def test_ini_and_environment_set_them_too(pytester, monkeypatch, key, text):
    pytester.makeini(f"[pytest]\n{key} = {text}")
    assert parse(pytester).sources[key] == "ini"
    monkeypatch.setenv(key.upper(), "1")
    options = parse(pytester)
    assert options.sources[key] == "environment"
    assert {options.reruns, options.rerun_delay_s, options.rerun_budget} & {1, "1"}


@pytest.mark.parametrize("text", ["5%", "0.5%", "30", "30s", "0", "999999", "0.000001"])
def test_every_budget_that_is_allowed_can_be_worked_out(pytester, text):
    assert budget_s(parse(pytester, f"--nexus-rerun-budget={text}").rerun_budget, 600.0) >= 0


@pytest.mark.parametrize(
    ("arguments", "ini", "environment", "said"),
    [
        (["--nexus-reruns=-1"], "", {}, "--nexus-reruns must be 'adaptive' or a number from 0"),
        (["--nexus-reruns=1.5"], "", {}, "--nexus-reruns must be 'adaptive' or a number"),
        (["--nexus-reruns=1000"], "", {}, "to 999, or 'auto', got '1000'"),
        ([], "nexus_reruns = many", {}, "ini option nexus_reruns must be 'adaptive'"),
        (["--nexus-rerun-delay=-1"], "", {}, "must be 'adaptive' or a number of seconds"),
        (["--nexus-rerun-delay=nan"], "", {}, "must be 'adaptive' or a number of seconds"),
        (["--nexus-rerun-budget=5 min"], "", {}, "must be a share such as '5%' or a number"),
        ([], "", {"NEXUS_RERUN_BUDGET": "inf"}, "environment variable NEXUS_RERUN_BUDGET must be"),
        ([], "nexus_fail_on_flaky = perhaps", {}, "ini option nexus_fail_on_flaky must be true"),
        (
            ["--nexus-order=fast"],
            "",
            {},
            "--nexus-order must be 'risk' or 'static' or 'off', got 'fast'",
        ),
        (
            [],
            "nexus_order = quick",
            {},
            "ini option nexus_order must be 'risk' or 'static' or 'off'",
        ),
        ([], "nexus_ingest = perhaps", {}, "ini option nexus_ingest must be true or false"),
        ([], "", {"NEXUS_INGEST": "2"}, "environment variable NEXUS_INGEST must be true or false"),
        (["--nexus-base="], "", {}, "--nexus-base must be a text that is not empty, got ''"),
    ],
)
def test_a_wrong_value_is_refused_by_name(pytester, monkeypatch, arguments, ini, environment, said):
    pytester.makeini(f"[pytest]\nnexus = true\n{ini}")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(pytest.UsageError, match=re.escape(said)):
        parse(pytester, *arguments)


@pytest.mark.parametrize(
    ("arguments", "ini", "environment", "said"),
    [
        (["--nexus-reruns=-1"], "", {}, "--nexus-reruns must be 'adaptive' or a number from 0"),
        ([], "", {"NEXUS_RERUN_BUDGET": "inf"}, "environment variable NEXUS_RERUN_BUDGET must be"),
        (
            [],
            "nexus_order = quick",
            {},
            "ini option nexus_order must be 'risk' or 'static' or 'off'",
        ),
    ],
)
def test_a_wrong_value_ends_the_session_before_it_leaves_anything(
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


TOML_FILES = [
    ("pyproject.toml", "[tool.pytest]\n"),
    ("pytest.toml", "[pytest]\n"),
    (".pytest.toml", "[pytest]\n"),
    ("pyproject.toml", "[tool.pytest.ini_options]\n"),
]
"""The last one is read as text by pytest, the others keep TOML's types since pytest 9."""


def require_native(head: str) -> None:
    if "ini_options" not in head and pytest.version_tuple < (9,):
        pytest.skip("pytest reads these files since version 9")


@pytest.mark.parametrize(("file", "head"), TOML_FILES)
@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("nexus_reruns = 2", "reruns", 2),
        ("nexus_reruns = 0", "reruns", 0),
        ('nexus_reruns = "adaptive"', "reruns", None),
        ("nexus_rerun_delay = 3", "rerun_delay_s", 3.0),
        ("nexus_rerun_delay = 0.5", "rerun_delay_s", 0.5),
        ("nexus_rerun_budget = 20", "rerun_budget", "20"),
        ("nexus_rerun_budget = 2.5", "rerun_budget", "2.5"),
        ("nexus_fail_on_flaky = true", "fail_on_flaky", True),
        ("nexus_ingest = false", "ingest", False),
        ('nexus_order = "off"', "order", "off"),
        ('nexus_shard = "1/2"', "shard", "1/2"),
    ],
)
def test_native_toml_has_numbers_and_booleans(pytester, file, head, line, name, value):
    require_native(head)
    (pytester.path / file).write_text(f"{head}{line}\n")
    assert getattr(parse(pytester), name) == value


@pytest.mark.parametrize(("file", "head"), TOML_FILES[:3])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nexus_reruns = -1", "nexus_reruns must be 'adaptive' or a number from 0 to 999"),
        ("nexus_reruns = 1.5", "nexus_reruns must be 'adaptive' or a number from 0 to 999"),
        ("nexus_reruns = true", "nexus_reruns must be 'adaptive' or a number from 0 to 999"),
        ("nexus_rerun_delay = inf", "nexus_rerun_delay must be 'adaptive' or a number of seconds"),
        ("nexus_history = 3", "nexus_history must be"),
        ("nexus_ingest = 1", "nexus_ingest must be true or false"),
        ("nexus_order = 1", "nexus_order must be 'risk' or 'static' or 'off'"),
        ("nexus_reruns = [2]", "nexus_reruns must be"),
    ],
)
def test_other_types_of_toml_are_refused_by_name(pytester, file, head, line, said):
    require_native(head)
    (pytester.path / file).write_text(f"{head}{line}\n")
    with pytest.raises(pytest.UsageError, match=said):
        parse(pytester)
