"""axe-core, which looks for what people with disabilities cannot use."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "vendor"
AXE: Final = (FOLDER / "axe.min.js").read_text(encoding="utf-8")
