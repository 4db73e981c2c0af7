"""One value of a settings file changes, and nothing else."""

from __future__ import annotations

import pytest

from pytest_nexus.settings_files.ini_text import with_ini_value

INI = """\
# Settings of the team
[pytest]
nexus = true
addopts =
    -q
    --strict-markers
nexus_reruns : 2
; the end

[flake8]
nexus_reruns = 9
"""
TOML = """\
[project]
name = "x" # ours

[tool.pytest.ini_options]
nexus = "true"
nexus_reruns = "2"  # as agreed
addopts = ["-q"]

[tool.other]
nexus_reruns = "9"
"""


def changed(text: str, key: str, value: str, section: str = "pytest") -> str | None:
    return with_ini_value(text, section, key, value, is_toml=section.startswith("tool."))


def test_a_value_is_replaced_in_its_line() -> None:
    found = changed(INI, "nexus_reruns", "adaptive")
    assert found == INI.replace("nexus_reruns : 2", "nexus_reruns : adaptive")


def test_a_missing_key_is_added_below_the_heading() -> None:
    found = changed(INI, "nexus_select", "confidence:99%")
    assert found == INI.replace("[pytest]\n", "[pytest]\nnexus_select = confidence:99%\n")


def test_toml_keeps_its_comments() -> None:
    section = "tool.pytest.ini_options"
    found = changed(TOML, "nexus_reruns", "0", section)
    assert found == TOML.replace('"2"  # as', '"0"  # as')
    found = changed(TOML, "nexus_select", "off", section)
    assert found == TOML.replace(f"[{section}]\n", f'[{section}]\nnexus_select = "off"\n')


def test_line_ends_stay() -> None:
    found = changed("[pytest]\r\nnexus_reruns = 1\r\n", "nexus_reruns", "2")
    assert found == "[pytest]\r\nnexus_reruns = 2\r\n"
    assert changed("[pytest]", "nexus_reruns", "2") == "[pytest]\nnexus_reruns = 2\n"
    assert changed("[pytest]\nnexus_reruns=1", "nexus_reruns", "2") == "[pytest]\nnexus_reruns=2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[other]\n",
        "[pytest]\n[pytest]\n",
        "[pytest]\nnexus_reruns = 1\n    2\n",
        "[pytest]\nnexus_reruns = 1 # one\n",
        "[pytest]\nnexus_reruns = 1\nnexus_reruns = 2\n",
        "[pytest]\nno key\n",
    ],
)
def test_other_forms_of_ini_are_refused(text: str) -> None:
    assert changed(text, "nexus_reruns", "3") is None


@pytest.mark.parametrize(
    "text",
    [
        '[tool.pytest]\nnexus_reruns = """\n1"""\n',
        "[tool.pytest]\nnexus_reruns = [1]\n",
        '[tool]\npytest.nexus_reruns = "1"\n',
        "[tool.pytest]\nnot toml\n",
        '[tool.pytest]\nx = """\nnexus_reruns = 1\n"""\n',
    ],
)
def test_other_forms_of_toml_are_refused(text: str) -> None:
    assert changed(text, "nexus_reruns", "3", "tool.pytest") is None
