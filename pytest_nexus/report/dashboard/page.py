"""Put the facts, the scripts and the styles together into one HTML file. Pure but for its assets.

The page loads nothing: its policy allows one script and one style sheet, by their hashes. The facts
are a block of JSON that no browser executes; the script shows each text of it as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from typing import TYPE_CHECKING, Final

import pytest_nexus
from pytest_nexus.domain.safe_text import visible
from pytest_nexus.report.dashboard.assets import read_script, read_shell, read_style
from pytest_nexus.report.dashboard.columns import page_values

if TYPE_CHECKING:
    from pytest_nexus.report.facts.collect_facts import DashboardFacts

_PLACE: Final = re.compile(r"\{\{([a-z]+)\}\}")
_MARKUP: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_MARKS: Final = re.compile("[<>&]")
_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}';"
    " base-uri 'none'; form-action 'none'"
)
_TITLE_CHARS: Final = 80


def build_page(facts: DashboardFacts, project: str, made_at: float) -> str:
    """Return the page of a project.

    Args:
        facts: of its history.
        project: its name.
        made_at: seconds since the epoch.
    """
    script, style = read_script(), read_style()
    values = {
        "policy": escape(_POLICY.format(script=_hash(script), style=_hash(style))),
        "version": pytest_nexus.__version__,
        "title": escape(f"{visible(project)[:_TITLE_CHARS]} · nexus"),
        "style": style,
        "facts": embedded_json({"project": project, "made_at": made_at, **page_values(facts)}),
        "script": script,
    }
    # One pass, so that no value is searched for places.
    return _PLACE.sub(lambda place: values[place[1]], read_shell())


def embedded_json(value: object) -> str:
    r"""Return JSON that may stand inside a `<script>` element.

    The text is ASCII without markup: no value can end the element or begin a comment, and lone
    surrogates and U+2028 are escapes.

    >>> print(embedded_json(["</script>\u2028"]))
    ["\u003c/script\u003e\u2028"]
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return _MARKS.sub(lambda mark: _MARKUP[mark[0]], text)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
