"""The table of the settings that can be tuned. Pure.

One row for each setting: where it is made, which values are tried, how it is simulated, and what
it may not worsen. A setting that a history cannot judge says why.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pytest_nexus.plan.tuning.rounds import AUTO

if TYPE_CHECKING:
    from pytest_nexus.plan.tuning.rounds import Setting

Place = Literal["pytest.ini", "workflow"]

WORKERS_PER_CORE: Final = 4
"""More processes than these are not tried on each core."""

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_TIME: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", re.ASCII)


class Tunable(NamedTuple):
    """One setting."""

    name: str
    place: Place
    key: str
    """Its name in that place: an option of pytest.ini, or an input of the workflow."""
    values: tuple[str, ...]
    """The values that are tried, as text of that place; a part of them where a range is meant."""
    simulated: str
    """How its effect is simulated; empty if the history cannot show the effect."""
    may_not_worsen: tuple[str, ...]
    """What a proposal keeps as it is, apart from the goal."""
    not_simulated: str = ""
    """Why the effect cannot be simulated."""


TUNABLES: Final = (
    Tunable(
        "shards", "workflow", "shards",
        ("1", "2", "3", "4", "5", "6", "8", "10", "12", "16", "20"),
        "tests divided as nexus plan divides them, each job with its own start",
        ("limits", "misses"),
    ),
    Tunable(
        "target", "workflow", "target",
        ("20m", "15m", "10m", "7m", "5m", "4m", "3m", "2m", "90s", "60s", "30s"),
        "with shards: auto, the fewest shards whose expected time meets the target",
        ("limits", "misses"),
    ),
    Tunable(
        "workers", "workflow", "workers", ("1", "2", "3", "4", "6", "8", "12", "16"),
        "up to four worker processes a core, within the processor seconds of the tests",
        ("limits", "misses"),
    ),
    Tunable(
        "select", "pytest.ini", "nexus_select", ("off", "confidence:99%", "confidence:99.5%"),
        "each cut chosen on earlier runs, as in nexus select simulate",
        ("limits", "the promised share of failing runs"),
    ),
    Tunable(
        "reruns", "pytest.ini", "nexus_reruns", ("adaptive", "0", "1", "2", "3"),
        "the recorded repeated attempts; a run that fails by a flake alone is started again",
        ("limits", "misses"),
    ),
    Tunable(
        "rerun_budget", "pytest.ini", "nexus_rerun_budget", ("1%", "2%", "5%", "10%"),
        "the recorded repeated attempts, as far as the budget goes",
        ("limits", "misses"),
    ),
    Tunable(
        "dist", "pytest.ini", "nexus_dist", ("auto", "off"), "", (),
        "a history holds no run of xdist's own distribution to compare with",
    ),
    Tunable(
        "rerun_delay", "pytest.ini", "nexus_rerun_delay", ("adaptive", "0", "1", "5"), "", (),
        "a repeated attempt shows one delay, and nobody knows how another one would have ended",
    ),
    Tunable(
        "reuse", "pytest.ini", "nexus_select", ("off", "affected"), "", (),
        "a history does not hold the files of each past run; nexus reuse audits it in real runs",
    ),
    Tunable(
        "training", "workflow", "train", ("true", "false"), "", (),
        "it changes how early a failure is seen, and none of these figures; see nexus evaluate",
    ),
    Tunable(
        "student", "workflow", "nexus train --student", ("auto",), "", (),
        "nexus train --student auto measures its size at each training",
    ),
    Tunable(
        "history_kept", "workflow", "keep-runs", ("500", "1000", "2000"), "", (),
        "durations use the last seven runs of a test, so that more runs move none of these figures",
    ),
    Tunable(
        "cache_keys", "workflow", "lock", ("",), "", (),
        "the history does not hold how long an installation takes; see nexus cache report",
    ),
    Tunable(
        "quarantine", "pytest.ini", "nexus_quarantine", ("",), "", (),
        "which failures people accept is theirs to say; see nexus quarantine",
    ),
    Tunable(
        "order_exponent", "pytest.ini", "nexus_order", ("risk", "static", "off"), "", (),
        "the order changes when a failure is seen, and not how long a run takes",
    ),
)  # fmt: skip

SIMULATED: Final = tuple(each.name for each in TUNABLES if not each.not_simulated)
"""Names of the settings whose effect a history can show."""


def row(name: str) -> Tunable:
    """Return the row of a setting.

    Raises:
        KeyError: there is no such setting.
    """
    return {each.name: each for each in TUNABLES}[name]


def read_time(text: str) -> float | None:
    """Return the seconds of a target; None if the text is not a time.

    >>> read_time("90s"), read_time("5m"), read_time("soon")
    (90.0, 300.0, None)
    """
    found = _TIME.fullmatch(text.strip())
    return None if found is None else float(found[1]) * _SECONDS[found[2] or "s"]


def write_time(seconds: float) -> str:
    """Return a time as text of a workflow.

    >>> write_time(90), write_time(300)
    ('90s', '5m')
    """
    return f"{seconds / 60:g}m" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:g}s"


def value_of(name: str, setting: Setting) -> str:
    """Return the value of a setting as text of its place.

    Raises:
        AttributeError: the setting is not simulated.
    """
    if name == "target":
        return write_time(setting.target_s)
    if name == "shards" and setting.shards == AUTO:
        return "auto"
    return str(getattr(setting, name))


def with_value(name: str, text: str, setting: Setting) -> Setting:
    """Return the settings with another value of one of them.

    Raises:
        ValueError: the value is not one of its row.
    """
    changed: dict[str, Any] = {name: text}
    if name == "target":
        changed = {"target_s": read_time(text)}
    elif name in {"shards", "workers"}:
        changed = {name: AUTO if text == "auto" else int(text)}
    return setting._replace(**changed)


def tried(name: str, today: Setting, cores: int | None) -> list[str]:
    """Return the values of a row that are tried, with that of today in front.

    A target is tried where the number of shards is `auto`, and a number of shards elsewhere.
    Workers are tried where the cores of a job are known.
    """
    now = value_of(name, today)
    if (name == "target") != (today.shards == AUTO) and name in {"shards", "target"}:
        return [now]
    values = row(name).values
    if name == "workers":
        most = 0 if cores is None else WORKERS_PER_CORE * cores
        values = tuple(each for each in values if int(each) <= most)
    return [now, *(each for each in values if each != now)]
