from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from pytest_nexus.cli import run as command


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def arguments(*given: str) -> list[str]:
    return command.pytest_arguments(parsed(*given), Path("/j"))


def test_inputs_that_are_empty_are_left_out():
    assert arguments("--shard=", "--plan=", "--workers=", "--args=") == [
        *("--nexus", "--no-nexus-ingest", "--nexus-journal=/j"),
    ]


def test_inputs_become_options_and_the_users_own_come_last():
    given = arguments("--shard=2/5", "--workers=auto", "--args=tests -k 'a or b'", "--", "-x")
    assert given[3:] == [
        *("--nexus-shard=2/5", "--numprocesses=auto", "tests", "-k", "a or b", "-x"),
    ]


def test_the_rest_is_asked_for_after_the_arguments_of_the_suite():
    given = arguments("--rest", "--shard=2/5", "--args=--nexus-select-rest=never tests")
    assert given[3:] == [
        *("--nexus-shard=2/5", "--nexus-select-rest=never", "tests", "--nexus-select-rest=only"),
    ]
    name = command.artifact_name("2/5", "unit", {}, is_rest=True)
    assert name.startswith("nexus-journal-local.unit.1-2of5-rest-")


@pytest.mark.parametrize("text", ["$(touch /tmp/x)", "`id`", "a; b", "&& c", "${HOME}", "*"])
def test_nothing_in_the_arguments_is_expanded(text):
    assert " ".join(arguments(f"--args={text}")[3:]) == text


@pytest.mark.parametrize(
    "given",
    [
        "--args='",
        "--shard=6/5",
        "--shard=x",
        "--workers=2;x",
        "--name=../a",
        "--name=",
        "--name=a b",
    ],
)
def test_wrong_input_is_a_usage_error(given):
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parsed(given)


def test_name_of_the_artifact_names_run_suite_attempt_and_shard():
    environ = {"GITHUB_ACTIONS": "1", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2"}
    name = command.artifact_name("3/5", "unit", environ)
    assert re.fullmatch(r"nexus-journal-77\.unit\.2-3of5-[0-9a-f]{8}", name)
    assert command.artifact_name("", "unit", environ) != command.artifact_name("", "unit", environ)


def test_name_of_the_artifact_holds_nothing_that_github_refuses():
    environ = {"BUILDKITE": "1", "BUILDKITE_BUILD_ID": 'a/b:c*"<>|?\\'}
    assert not set('":<>|*?\\/') & set(command.artifact_name("", "unit", environ))
