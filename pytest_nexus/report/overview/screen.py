"""Lay the facts of a history out on one screen of at most 80 columns. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.safe_text import visible
from pytest_nexus.domain.system.console import Styled
from pytest_nexus.domain.wording import counted, percent, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.domain.system.console import Style
    from pytest_nexus.report.facts.collect_facts import DashboardFacts

Line = list[Styled]

_TITLE: Final = 10
"""Columns of the titles at the left."""

_MOST_BRANCHES: Final = 4
_MOST_FAILURES: Final = 4
_MOST_FLAKY: Final = 3
_DAYS: Final = 20
_BARS: Final = "▁▂▃▄▅▆▇█"
_PLAIN_BARS: Final = "._-~=+*#"
_SHORT: Final = 9
_GOOD: Final = frozenset({"passed"})


def screen(facts: DashboardFacts, todo: Sequence[str], width: int, *, plain: bool) -> list[Line]:
    """Return the lines of the screen.

    Args:
        facts: of the history.
        todo: what to do next.
        width: columns of a line.
        plain: whether the output shows ASCII only.
    """
    lines = [[Styled(_cut(_headline(facts), width), "bold")], [Styled("")]]
    bars = _PLAIN_BARS if plain else _BARS
    for title, rows in (
        ("Runs", _runs(facts, width - _TITLE)),
        ("Failing", _failing(facts, width - _TITLE)),
        ("Time", _times(facts, bars)),
        ("Saved", _saved(facts)),
        ("Flaky", _flaky(facts, width - _TITLE)),
        ("Model", _model(facts, bars)),
        ("Drift", _drift(facts, width - _TITLE)),
        ("Next", _next(todo, width - _TITLE)),
    ):
        lines += _titled(title, list(rows), width)
    return lines


def spark(values: Sequence[float], bars: str = _BARS) -> str:
    """Return one bar for each value, from the smallest to the largest.

    >>> spark([1.0, 4.0, 8.0]), spark([2.0, 2.0]), spark([])
    ('▁▄█', '▁▁', '')
    """
    if not values:
        return ""
    low, high = min(values), max(values)
    step = (high - low) / (len(bars) - 1) or 1.0
    return "".join(bars[int((value - low) / step + 0.5)] for value in values)


def _titled(title: str, rows: Sequence[Line], width: int) -> Iterator[Line]:
    for place, row in enumerate(rows):
        head = Styled((title if place == 0 else "").ljust(_TITLE), "cyan")
        yield [head, *_within(row, width - _TITLE)]


def _within(row: Line, room: int) -> Iterator[Styled]:
    """Yield the parts of a row, cut where the line ends."""
    for text, style in row:
        if room <= 0:
            return
        cut = _cut(text, room)
        room -= len(cut)
        yield Styled(cut, style)


def _headline(facts: DashboardFacts) -> str:
    runs, tests = counted(facts.n_all_runs, "run"), counted(facts.n_tests, "test")
    newest = "" if facts.newest_at is None else f", newest {_moment(facts.newest_at)} UTC"
    return f"{runs} of {tests}{newest}"


def _runs(facts: DashboardFacts, room: int) -> Iterator[Line]:
    names = [visible(one.branch) or "no branch" for one in facts.now.branches[:_MOST_BRANCHES]]
    wide = min(max(map(len, names), default=0), max(8, room - 50))
    for one, name in zip(facts.now.branches, names, strict=False):
        wall = "" if one.wall_s is None else f", {seconds(one.wall_s)}"
        failed = f"{one.n_failed:,} of " if one.n_failed else ""
        style: Style = "green" if one.verdict in _GOOD else "red"
        yield [
            Styled(f"{_cut(name, wide).ljust(wide)}  "),
            Styled(f"{one.verdict:<13}", style),
            Styled(f"{one.recent[-10:]:>10}  ", "dim"),
            Styled(f"{failed}{counted(one.n_tests, 'test')}{wall}"),
        ]
    left = len(facts.now.branches) - _MOST_BRANCHES
    if left > 0:
        yield [Styled(f"and {counted(left, 'branch').replace('branchs', 'branches')} more", "dim")]


def _failing(facts: DashboardFacts, room: int) -> Iterator[Line]:
    if not facts.now.n_failing:
        yield [Styled("no test fails at the end of its branch", "green")]
        return
    for one in facts.now.new_failures[:_MOST_FAILURES]:
        at = one.commit[:_SHORT] or _moment(one.since)
        since = f"  since {at}, {counted(one.n_runs, 'run')}"
        yield [Styled(_middle(visible(one.key), room - len(since)), "red"), Styled(since, "dim")]
    left = facts.now.n_failing - _MOST_FAILURES
    if left > 0:
        yield [Styled(f"and {left:,} more", "dim")]


def _times(facts: DashboardFacts, bars: str) -> Iterator[Line]:
    days = facts.suite.days[-_DAYS:]
    means = [day.wall_s / day.n_runs for day in days if day.n_runs]
    if means:
        yield [
            Styled(spark(means, bars), "cyan"),
            Styled(f"  {seconds(means[-1])} for a run, by day, {counted(len(means), 'day')}"),
        ]
    failed = [day.n_failed_runs / day.n_runs for day in days if day.n_runs]
    if any(failed):
        style: Style = "yellow" if failed[-1] else "green"
        yield [
            Styled(spark(failed, bars), style),
            Styled(f"  {percent(failed[-1], 0)} of the runs of the last day failed"),
        ]


def _saved(facts: DashboardFacts) -> Iterator[Line]:
    if not facts.now.weeks or facts.now.weeks[-1].saved.total_s <= 0:
        yield [Styled("nothing that is known in the week of the newest run", "dim")]
        return
    saved = facts.now.weeks[-1].saved
    parts = {
        "order": saved.order_s,
        "shards": saved.shards_s,
        "workers": saved.workers_s,
        "reuse": saved.reuse_s,
        "selection": saved.selection_s,
    }
    known = [f"{name} {seconds(value)}" for name, value in parts.items() if value]
    more = f": {', '.join(known)}" if known else ""
    yield [Styled(f"{seconds(saved.total_s)} in the week of the newest run{more}")]


def _flaky(facts: DashboardFacts, room: int) -> Iterator[Line]:
    flaky = [one for one in facts.flaky.tests if one.status == "flaky"]
    n_quarantined = len(facts.flaky.quarantine)
    total = f"{counted(len(flaky), 'test')}, {seconds(facts.flaky.cost_s)} lost"
    quarantined = f", {n_quarantined:,} in quarantine" if n_quarantined else ""
    yield [Styled(f"{total}{quarantined}", "yellow" if flaky else "green")]
    for one in flaky[:_MOST_FLAKY]:
        rate = "" if one.rate is None else f"  {percent(one.rate)}"
        yield [Styled(_middle(visible(one.key), room - len(rate))), Styled(rate, "dim")]


def _model(facts: DashboardFacts, bars: str) -> Iterator[Line]:
    model = facts.model
    name = deployed_name(facts)[:_SHORT]
    if model.mean_apfdc is None:
        yield [Styled(f"{name}; no failing run has a prediction yet")]
        return
    points = [one.apfdc for one in model.quality if one.apfdc is not None][-_DAYS:]
    yield [
        Styled(f"{name}  "),
        Styled(spark(points, bars), "cyan"),
        Styled(f"  APFDc {model.mean_apfdc:.3f}{_against(facts)}"),
    ]


def deployed_name(facts: DashboardFacts) -> str:
    """Return the version of the deployed model; `shipped` for the shipped one."""
    versions = facts.model.versions
    return next((one.version for one in versions if one.alias == "champion"), "shipped")


def _against(facts: DashboardFacts) -> str:
    other = facts.model.mean_apfdc_collection
    return "" if other is None else f", {other:.3f} in collection order"


def _drift(facts: DashboardFacts, room: int) -> Iterator[Line]:
    drift = facts.model.drift
    if drift.note and not drift.is_drifting:
        yield from ([Styled(line, "dim")] for line in wrap(visible(drift.note), room))
    elif not drift.is_drifting:
        yield [Styled("nothing drifts", "green")]
    for one in drift.findings[:2]:
        yield from ([Styled(line, "yellow")] for line in wrap(visible(one.sentence), room))


def _next(todo: Sequence[str], room: int) -> Iterator[Line]:
    if not todo:
        yield [Styled("nothing to do", "green")]
    for sentence in todo:
        lines = wrap(visible(sentence), room - 2)
        for place, line in enumerate(lines):
            yield [Styled(("- " if place == 0 else "  ") + line)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}~"


def _middle(text: str, width: int) -> str:
    """Return a text cut in its middle: start and end distinguish ids."""
    if len(text) <= width:
        return text
    head = max(0, (width - 1) // 2)
    return f"{text[:head]}~{text[len(text) - max(0, width - 1 - head) :]}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
