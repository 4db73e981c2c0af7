"""The parts of the page that do not depend on the facts: shell, style sheet, scripts, uPlot."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_UPLOT: Final = _FOLDER / "vendor" / "uPlot.iife.min.js"
_UPLOT_STYLE: Final = _FOLDER / "vendor" / "uPlot.min.css"


def read_shell() -> str:
    """Return the HTML around everything, with places such as `{{facts}}`."""
    return _read(_FOLDER / "shell.html")


def read_style() -> str:
    """Return the style sheet: that of uPlot, then ours."""
    return f"{_read(_UPLOT_STYLE)}\n{_read(_FOLDER / 'style.css')}"


def read_script() -> str:
    """Return uPlot, then our scripts in the order of their names, in one scope."""
    own = "".join(_read(path) for path in sorted((_FOLDER / "script").glob("*.js")))
    return f"{_read(_UPLOT)}\n(() => {{\n'use strict';\n{own}}})();\n"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
