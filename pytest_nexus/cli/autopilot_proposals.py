"""Read proposals for settings from a file that `tune --json` wrote."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import OptionError
from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_CHARS: Final = 1000
_MOST: Final = 100


def read_proposals(path: Path) -> list[Proposal]:
    """Return the proposals in a file: a JSON list, or an object with the list `proposals`.

    Raises:
        OptionError: the file cannot be read, or holds something else.
    """
    try:
        content: Any = json.loads(read_text(path, _MAX_BYTES))
        rows = content["proposals"] if isinstance(content, dict) else content
        if not isinstance(rows, list):
            raise TypeError("no list of proposals")  # noqa: TRY301 - one message for all causes
        return [_proposal(**row) for row in rows[:_MOST]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
        raise OptionError(
            "NX343", f"Couldn't read the proposals in {str(path)!r}: {exc!r:.160}"
        ) from exc


def _proposal(*, changes: list[dict[str, Any]], **texts: Any) -> Proposal:
    if not all(isinstance(each, str) and len(each) <= _MAX_CHARS for each in texts.values()):
        raise TypeError(f"a text of {texts.get('setting')!r}")
    return Proposal(changes=tuple(_change(**each) for each in changes), **texts)


def _change(*, figure: str, today: Any, proposed: Any, low: Any, high: Any) -> ExpectedChange:
    numbers = [float(each) for each in (today, proposed, low, high)]
    if not isinstance(figure, str) or not all(map(isfinite, numbers)):
        raise TypeError(f"the figure {figure!r}")
    return ExpectedChange(figure, *numbers)
