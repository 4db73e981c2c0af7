"""The pages as a site: what is wrong with a link or the contents ends the build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import REPOSITORY, Project

if TYPE_CHECKING:
    from pathlib import Path

CONF = REPOSITORY / "docs" / "conf.py"
INDEX = "# Title\n\n## Learn it\n\n- [First](first.md#a-part-of-it): how.\n"
PAGES = {"docs/index.md": INDEX, "docs/first.md": "# First\n\n## A part of it\n\nText.\n"}


def build(folder: Path, pages: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Build pages with the settings of this repository, as the Makefile does."""
    (recipe,) = re.findall(
        r"^\t\$\(BIN\)/python -m sphinx (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE
    )
    root = Project(folder, pages).root
    shutil.copy(CONF, root / "docs" / "conf.py")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *recipe.split()],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_sections_of_the_index_are_the_contents_of_each_page(tmp_path: Path) -> None:
    done = build(tmp_path, PAGES)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "first.html").read_text("utf-8")
    (bar,) = re.findall(r'<div class="sidebar-tree">(.*?)</div>', page, re.DOTALL)
    assert "Learn it" in bar
    assert ">First</a>" in bar


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("docs/first.md", "# First\n\n## A part of it\n\n[x](none.md)\n", "none.md"),
        ("docs/first.md", "# First\n\n## Another part\n", "a-part-of-it"),
        ("docs/second.md", "# Second\n", "isn't included in any toctree"),
        ("docs/first.md", "# First\n\n## A part of it\n\n[x](../NONE.md)\n", "NONE.md"),
    ],
    ids=["no such page", "no such part", "not in the index", "no such file"],
)
def test_broken_link_or_lost_page_ends_the_build(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    done = build(tmp_path, PAGES | {name: text})
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("target", ["../NOTES.md#part", "../notes.txt"])
def test_link_to_a_file_outside_leads_to_the_repository(tmp_path: Path, target: str) -> None:
    outside = {"NOTES.md": "# Notes\n\n## Part\n", "notes.txt": "Notes.\n"}
    first = {"docs/first.md": f"# First\n\n## A part of it\n\n[x]({target})\n"}
    done = build(tmp_path, PAGES | outside | first)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "first.html").read_text("utf-8")
    assert f'href="https://github.com/pytest-nexus/pytest-nexus/blob/main/{target[3:]}"' in page
    assert not (tmp_path / "site" / "_downloads").exists()
