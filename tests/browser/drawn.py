"""Read the figures and tables of a drawn page, and write numbers as the page does."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.report.dashboard.columns import compact

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTHING: Final = "\u2013"
TIMES: Final = "\u00d7"
_READ: Final = """() => {
    const TABLE = 'table:not(.u-legend)';
    const all = (selector, node = document) => [...node.querySelectorAll(selector)];
    for (const button of all('main header button[aria-expanded=false]')) button.click();
    const text = (node) => (node ? node.innerText.trim() : '');
    const figures = all('main li.figure').map((each) => [
        text(each.querySelector('.name')),
        [text(each.querySelector('.value')), text(each.querySelector('.note'))],
    ]);
    const cells = (row) => [...row.children].map((cell) => cell.textContent.trim());
    const cards = all('main section.card').filter((card) => card.querySelector(TABLE));
    const tables = cards.map((card) =>
        [text(card.querySelector('h2')), all(`${TABLE} tbody tr`, card).map(cells)]);
    return {figures: Object.fromEntries(figures), tables: Object.fromEntries(tables)};
}"""


def read(page: Page) -> dict[str, Any]:
    """Open the table of every chart, and return all figures and tables by name."""
    found: dict[str, Any] = page.evaluate(_READ)
    return found


def fixed(value: float | None, digits: int = 2) -> str:
    """Return a number as `toFixed` writes it."""
    if value is None:
        return NOTHING
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(float(compact(value))).quantize(step, ROUND_HALF_UP))


def whole(value: float | None) -> str:
    """Return a whole number with its thousands."""
    return NOTHING if value is None else f"{int(fixed(value, 0)):,}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{whole(number)} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if share is None else f"{fixed(100 * compact(float(share)), 1)} %"


def seconds(value: float | None) -> str:
    """Return seconds as the page writes them."""
    if value is None:
        return NOTHING
    value = compact(float(value))
    if value == 0:
        return "0 s"
    if value < 0.0095:
        return f"{fixed(value * 1000, 1 if value < 0.00095 else 0)} ms"
    if value < 10:
        return f"{fixed(value)} s"
    if value < 120:
        return f"{fixed(value, 0)} s"
    return f"{fixed(value / 60, 1)} min" if value < 7200 else f"{fixed(value / 3600, 1)} h"


def moment(at: float | None) -> str:
    """Return a time in UTC."""
    return NOTHING if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def day(at: float | None) -> str:
    """Return a day in UTC."""
    return NOTHING if at is None else moment(at)[:10]
