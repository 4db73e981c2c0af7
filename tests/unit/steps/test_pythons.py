"""Which commands are Python programs that can be watched."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.steps.pythons import program_of

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = os.path.basename(sys.executable)  # noqa: PTH119 - a text
FOLDER = os.path.dirname(sys.executable)  # noqa: PTH120 - a text


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ((PYTHON, "x.py"), "python"),
        ((sys.executable, "-m", "build"), "python"),
        ((PYTHON, "-c", "pass", "-I"), "python"),
        ((PYTHON, "-W", "error", "-X", "dev", "x.py"), "python"),
        ((PYTHON, "-I", "x.py"), "deaf"),
        ((PYTHON, "-sE", "x.py"), "deaf"),
        ((PYTHON, "-W", "error", "-S"), "deaf"),
        (("no-such-program",), "missing"),
        (("./none",), "missing"),
    ],
)
def test_a_python_is_known_by_its_name(command: tuple[str, ...], kind: str) -> None:
    assert program_of(command, ".", FOLDER).kind == kind


@pytest.mark.posix("scripts name their interpreter")
@pytest.mark.parametrize(
    ("first", "kind"),
    [
        ("#!/usr/bin/python3", "python"),
        ("#!/usr/bin/env python3", "python"),
        ("#! /opt/x/bin/python3.13t -B", "python"),
        ("#!/usr/bin/python3 -I", "deaf"),
        ("#!/bin/sh", "other"),
        ("#!", "other"),
        ("\x7fELF", "other"),
    ],
)
def test_a_script_is_known_by_its_first_line(tmp_path: Path, first: str, kind: str) -> None:
    script = tmp_path / "tool"
    script.write_text(f"{first}\nprint()\n")
    script.chmod(0o755)
    assert program_of(["./tool"], str(tmp_path), FOLDER).kind == kind
    assert program_of(["tool"], "/", str(tmp_path)).kind in {kind, "other"}


@pytest.mark.posix("permissions")
def test_a_file_that_is_no_program_is_missing(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    assert program_of(["./tool"], str(tmp_path), "").kind == "missing"
