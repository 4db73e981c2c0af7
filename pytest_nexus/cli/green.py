"""`nexus green`: show when and where the grid is clean, and the energy of past runs."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.green_report import add_report
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.energy.power import CLASSES, DEFAULT_CLASS, Use, energy_kwh
from pytest_nexus.energy.regions import Choice, Demand, Runner, compare
from pytest_nexus.energy.windows import cleanest, joined, mean_intensity
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity.source import Source, add_source_options

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.energy.windows import Step

_MAX_MAP_BYTES: Final = 1024 * 1024
_DAY_S: Final = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    forecast = commands.add_parser("forecast", help="show the coming day, and its cleanest window")
    add_source_options(forecast)
    forecast.add_argument(
        "--minutes", type=_positive, default=10.0, metavar="N", help="length of the work (10)"
    )
    add_json_option(forecast)
    forecast.set_defaults(run=show_forecast)
    regions = commands.add_parser(
        "regions", help="compare the regions of a team's runners for the next run"
    )
    add_source_options(regions)
    regions.add_argument(
        "--runner-map",
        required=True,
        metavar="FILE",
        help='JSON: {"eu-west": {"runs-on": "label", "zone": "NL", "latency_ms": 30}, ...}',
    )
    regions.add_argument(
        "--allow",
        action="append",
        metavar="PATTERN",
        help="regions in which data may be, such as eu-*; may be given again (default: all)",
    )
    regions.add_argument("--max-latency-ms", type=_positive, metavar="MS", help="highest latency")
    regions.add_argument(
        "--minutes", type=_positive, default=10.0, metavar="N", help="wall time of the run (10)"
    )
    regions.add_argument(
        "--cores", type=int, default=4, metavar="N", help="logical cores, all of them busy (4)"
    )
    regions.add_argument(
        "--machine", choices=sorted(CLASSES), default=DEFAULT_CLASS, help="class of the machines"
    )
    regions.add_argument(
        "--label", action="store_true", help="print only the label of the cleanest allowed region"
    )
    add_json_option(regions)
    regions.set_defaults(run=show_regions)
    add_report(commands)


def show_forecast(options: argparse.Namespace) -> int:
    """Print the intensity of the coming day, and the cleanest window for the work."""
    now, length_s = clock.time(), options.minutes * 60.0
    series = Source(options.intensity, options.intensity_url).series(options.zone, now)
    day = [step for step in series.steps if step.end > now and step.start < now + _DAY_S]
    best = cleanest(day, now, now + _DAY_S, length_s)
    present = mean_intensity(day, now, length_s)
    if options.json:
        found = None if best is None else {"start": best.start, "g_per_kwh": best.g_per_kwh}
        steps = [step._asdict() for step in day]
        print_json(
            {"source": series.source, "now_g_per_kwh": present, "cleanest": found, "steps": steps}
        )
        return 0
    print_table([_row(step) for step in joined(day)], ["from", "to", "g_per_kwh"])
    say(f"source: {series.source}")
    if best is None:
        say("the series does not cover the work at any time of the coming day")
    else:
        words = "" if present is None else f"; now {present:.0f} g/kWh"
        say(f"cleanest for {options.minutes:g} min: {_moment(best.start)}, "
            f"{best.g_per_kwh:.0f} g/kWh{words}")  # fmt: skip
    return 0


def show_regions(options: argparse.Namespace) -> int:
    """Print what the next run would emit in each region, the cleanest allowed region first."""
    now, length_s = clock.time(), options.minutes * 60.0
    source = Source(options.intensity, options.intensity_url)
    runners = read_runners(Path(options.runner_map))
    series = [source.series(runner.zone, now) for runner in runners]
    cores = max(options.cores, 1)
    kwh = energy_kwh(CLASSES[options.machine], Use(length_s, length_s * cores, cores))
    demand = Demand(kwh, length_s, now, tuple(options.allow or ("*",)), options.max_latency_ms)
    choices = compare(
        [(one, found.steps) for one, found in zip(runners, series, strict=True)], demand
    )
    if options.label:
        return _say_label(choices)
    if options.json:
        print_json({"kwh": kwh, "regions": [_fields(each) for each in choices]})
        return 0
    print_table(
        [_fields(each) for each in choices],
        ["region", "runs_on", "zone", "grams_now", "grams_at_best", "best_at", "excluded"],
    )
    say(
        f"estimate: {kwh * 1000:.2f} Wh for {options.minutes:g} min on {cores} busy cores"
        f" of the class {options.machine}; source of the grid: {series[0].source}"
    )
    return 0


def _say_label(choices: list[Choice]) -> int:
    allowed = [each for each in choices if not each.excluded and each.now_g is not None]
    if not allowed:
        raise IntensityError(
            "NX857", "No region of the runner map is allowed and has a figure; see --allow"
        )
    say(allowed[0].runner.label)
    return 0


def read_runners(path: Path) -> list[Runner]:
    """Return the runners that a file of the team names.

    Raises:
        IntensityError: the file cannot be read, or an entry is not as it should be.
    """
    try:
        found = json.loads(read_text(path, _MAX_MAP_BYTES))
        runners = [_runner(region, entry) for region, entry in found.items()]
    except (OSError, *WRONG) as exc:
        raise IntensityError(
            "NX858",
            f"The runner map {str(path)!r} cannot be used ({exc!s:.100}); it is JSON such as"
            ' {"eu-west": {"runs-on": "label", "zone": "NL", "latency_ms": 30}}',
        ) from exc
    if not runners:
        raise IntensityError("NX858", f"The runner map {str(path)!r} names no region")
    return runners


def _runner(region: str, entry: dict[str, Any]) -> Runner:
    latency = entry.get("latency_ms")
    return Runner(
        region,
        str(entry["runs-on"]),
        str(entry["zone"]),
        None if latency is None else float(latency),
    )


def _fields(choice: Choice) -> dict[str, Any]:
    return {
        "region": choice.runner.region,
        "runs_on": choice.runner.label,
        "zone": choice.runner.zone,
        "grams_now": None if choice.now_g is None else round(choice.now_g, 2),
        "grams_at_best": None if choice.best_g is None else round(choice.best_g, 2),
        "best_at": None if choice.best_at is None else _moment(choice.best_at),
        "excluded": choice.excluded or None,
    }


def _row(step: Step) -> dict[str, Any]:
    return {
        "from": _moment(step.start),
        "to": _moment(step.end),
        "g_per_kwh": round(step.g_per_kwh, 1),
    }


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e6:
        raise ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value
