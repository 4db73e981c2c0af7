"""The checkout that a command reads: the current folder, or a folder that the user names.

A job that holds a token works outside the checkout of a change. So no file of the change can
replace a module, a program or a setting of the job.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.domain.system import originals
from pytest_nexus.errors import OptionError
from pytest_nexus.project import checkout_of, project_root

if TYPE_CHECKING:
    import argparse


def add_source_option(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add the option that names the checkout; `purpose` describes what the command reads there."""
    parser.add_argument(
        "--source", type=Path, metavar="FOLDER",
        help=f"folder of the suite in another checkout, {purpose} (default: the current folder)",
    )  # fmt: skip


def source_root(given: Path | None) -> Path:
    """Return the folder at which node ids start, in the given checkout or the current folder.

    Raises:
        OptionError: the given path is no folder, or is a link that leads out of the checkout.
    """
    if given is None:
        return project_root(Path.cwd())
    if not given.is_dir() or _leaves_the_workspace(given):
        raise OptionError("NX822", f"--source must be a folder, got {str(given)!r}")
    folder = given.resolve()
    return project_root(folder, checkout_of(folder) or folder)


def _leaves_the_workspace(folder: Path) -> bool:
    workspace = originals.environ.get("GITHUB_WORKSPACE")
    if not workspace or not folder.absolute().is_relative_to(workspace):
        return False
    return not folder.resolve().is_relative_to(Path(workspace).resolve())


def path_in_checkout(root: Path) -> str:
    """Return the folder of a suite in its repository, such as `api/`; empty at the top.

    Without a checkout of git, the workspace of GitHub Actions counts as the top.
    """
    root = root.resolve()
    workspace = originals.environ.get("GITHUB_WORKSPACE")
    top = checkout_of(root) or (Path(workspace).resolve() if workspace else root)
    if root == top or not root.is_relative_to(top):
        return ""
    return root.relative_to(top).as_posix() + "/"
