"""The options of `nexus train` that put a training off until the grid is clean."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.github_actions import write_outputs
from pytest_nexus.domain.system import clock
from pytest_nexus.energy.windows import Decision, Limits, decide
from pytest_nexus.errors import IntensityError
from pytest_nexus.history.store import read_history
from pytest_nexus.intensity.source import Source, add_source_options
from pytest_nexus.project import history_path
from pytest_nexus.training.green_hours import expected_s, waiting_since

if TYPE_CHECKING:
    import argparse

EXIT_DEFERRED: Final = 75
"""EX_TEMPFAIL of sysexits.h: the same command will succeed later."""

_UNITS_S: Final = {"m": 60.0, "h": 3600.0, "d": 86_400.0}


def add_green_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--when-green",
        action="store_true",
        help="train now if the grid is clean, else end at once with exit status 75 and say when",
    )
    parser.add_argument(
        "--deadline",
        type=_duration,
        default="24h",
        metavar="TIME",
        help="with --when-green: train at the latest this long after the first new failure"
        " (default: 24h)",
    )
    parser.add_argument(
        "--max-intensity",
        type=float,
        metavar="G",
        help="with --when-green: train at once at or below G grams of CO2e per kWh",
    )
    add_source_options(parser)


def decided(options: argparse.Namespace) -> Decision:
    """Return whether the training starts now; an unknown grid never holds a training up."""
    now = clock.time()
    history = read_history(history_path(options.history))
    if history is None:
        return Decision(is_now=True, until=None, reason="there is no history yet")
    with history:
        since = waiting_since(history)
        length_s = expected_s(history.models.versions())
    deadline = (now if since is None else min(since, now)) + options.deadline
    try:
        series = Source(options.intensity, options.intensity_url).series(options.zone, now)
    except IntensityError as exc:
        return Decision(is_now=True, until=None, reason=f"the grid is unknown: {exc}")
    found = decide(series.steps, now, length_s, Limits(deadline, options.max_intensity))
    return found._replace(reason=f"{found.reason} ({series.source})")


def announce(decision: Decision) -> str:
    """Return the decision as a sentence, and set it as outputs of the step on GitHub."""
    if decision.until is None:
        write_outputs({"deferred": "false"})
        return f"training now: {decision.reason}"
    until = datetime.fromtimestamp(decision.until, UTC)
    write_outputs({"deferred": "true", "deferred-until": until.isoformat(timespec="seconds")})
    return f"deferred until {until:%Y-%m-%d %H:%M} UTC: {decision.reason}"


def _duration(text: str) -> float:
    """Return seconds from a text such as `24h`."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and unit in _UNITS_S):
        raise ArgumentTypeError(f"must be a number with m, h or d, such as 24h, got {text!r}")
    return int(number) * _UNITS_S[unit]
