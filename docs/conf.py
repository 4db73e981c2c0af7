"""Settings of Sphinx for the site: the pages are the Markdown files that GitHub shows as well."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docutils import nodes
from sphinx import addnodes

from pytest_nexus import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pytest-nexus"
copyright = "the authors of pytest-nexus"  # noqa: A001 - the name that Sphinx reads
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"pytest-nexus {__version__}"
html_theme_options = {
    "source_repository": "https://github.com/pytest-nexus/pytest-nexus/",
    "source_branch": "main",
    "source_directory": "docs/",
}
myst_heading_anchors = 6
"""Each heading has the anchor that GitHub gives it; a link to another anchor is a warning."""

_REPOSITORY: Final = Path(__file__).parents[1]
_ON_GITHUB: Final = "https://github.com/pytest-nexus/pytest-nexus/blob/main"
_BEFORE_FILES_ARE_COPIED: Final = 400
_SECTION: Final = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_PAGE: Final = re.compile(r"\]\((\w[\w./-]*)\.md(?:#[^)]*)?\)")


def navigation(index: str) -> str:
    r"""Return the side bar as hidden tables of contents: the sections of the index and their links.

    >>> print(navigation("## Learn it\n\n- [First run](tutorial/first-run.md): how.\n"))
    ```{toctree}
    :hidden:
    :caption: Learn it
    <BLANKLINE>
    tutorial/first-run
    ```
    <BLANKLINE>
    """
    tables = []
    for title, body in _SECTION.findall(index):
        pages = "\n".join(dict.fromkeys(_PAGE.findall(body)))
        tables.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n")
    return "\n".join(tables)


def _add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    if name == "index":
        source[0] += "\n" + navigation(source[0])


def _link_to_github(app: Sphinx, tree: nodes.document) -> None:
    """Let links to files outside docs/ lead to the repository; Sphinx would copy the files."""
    folder = Path(app.srcdir, app.env.current_document.docname).parent
    for link in [*tree.findall(addnodes.download_reference), *tree.findall(addnodes.pending_xref)]:
        is_page = isinstance(link, addnodes.pending_xref)
        name = link["reftarget"] + (".md" if is_page else "")
        file = Path(os.path.normpath(folder / name))
        if file.is_file() and not file.is_relative_to(app.srcdir):
            anchor = f"#{link['reftargetid']}" if link.get("reftargetid") else ""
            target = f"{_ON_GITHUB}/{file.relative_to(_REPOSITORY).as_posix()}{anchor}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=target))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _add_navigation)
    app.connect("doctree-read", _link_to_github, priority=_BEFORE_FILES_ARE_COPIED)
