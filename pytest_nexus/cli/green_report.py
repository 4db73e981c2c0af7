"""`nexus green report`: the estimated energy of past runs, and what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted as counted_words
from pytest_nexus.energy.grid_factors import SOURCE, yearly_g
from pytest_nexus.energy.power import CLASSES, DEFAULT_CLASS
from pytest_nexus.energy.windows import mean_intensity
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity.services import SERVICES
from pytest_nexus.intensity.source import YEARLY, read_series
from pytest_nexus.project import add_history_option
from pytest_nexus.report.overview.energy_report import (
    by_suite,
    by_test,
    by_week,
    counted_runs,
    of_training,
    per_unit,
    saved,
    sums_of,
)
from pytest_nexus.training.green_hours import expected_s

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from pytest_nexus.history.store import History
    from pytest_nexus.report.overview.energy_report import Counted

_WEEK_S: Final = 7 * 86_400.0
_USUAL_CORES: Final = 4
_MOST_TESTS: Final = 20
_SUMS: Final = ("runs", "unknown", "assumed", "wall_s", "cpu_s", "wh", "grid_g", "made_g", "sci_g")
_COLUMNS: Final = {
    "week": ("week", *_SUMS),
    "suite": ("suite", *_SUMS),
    "test": ("test", "seconds", "wh", "share"),
}


def add_report(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "report", help="estimate the energy of past runs, and what was saved"
    )
    parser.add_argument(
        "--weeks", type=natural, default=12, metavar="N", help="the last N weeks; 0: all (12)"
    )
    parser.add_argument(
        "--by", choices=sorted(_COLUMNS), default="week", help="what the rows are (week)"
    )
    parser.add_argument(
        "--machine", choices=sorted(CLASSES), default=DEFAULT_CLASS, help="class of the machines"
    )
    parser.add_argument(
        "--intensity",
        metavar="SOURCE",
        default=YEARLY,
        help="a CSV file that covers the runs, with the columns start,g_per_kwh or"
        " start,end,g_per_kwh; or yearly for the mean of the country (default: yearly)",
    )
    parser.add_argument("--zone", metavar="ZONE", help="with yearly: a country such as DE")
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    source, intensity = _intensity(options.intensity, options.zone)
    since = clock.time() - options.weeks * _WEEK_S if options.weeks else 0.0
    with required_history(options.history) as history:
        counted = counted_runs(history, since, CLASSES[options.machine], intensity)
        found = _report(history, counted, options)
        n_runs = history.count_runs()
    found["intensity_source"] = source
    if options.json:
        print_json(found)
        return 0
    if not counted:
        weeks = counted_words(options.weeks, "week")
        older = f" of the last {weeks}; --weeks 0 shows {counted_words(n_runs, 'older run')}"
        say(f"There is no run{older if n_runs else ' in the history'}")
        return 0
    _print(found, options.by)
    return 0


def _report(
    history: History, counted: Sequence[Counted], options: argparse.Namespace
) -> dict[str, Any]:
    rows = {
        "week": lambda: by_week(counted),
        "suite": lambda: by_suite(counted),
        "test": lambda: by_test(history, counted),
    }
    whole = sums_of(counted)
    units = per_unit(counted)
    versions = history.models.versions()
    if versions:
        grid_g, kwh = whole["grid_g"], whole["wh"] / 1000
        cores = next((one.work.cores for one in counted if one.work.cores), _USUAL_CORES)
        units["one training"] = of_training(
            CLASSES[options.machine],
            expected_s(versions),
            cores,
            grid_g / kwh if grid_g is not None and kwh else None,
        )
    return {
        "is_estimate": True,
        "machine": options.machine,
        "machine_source": CLASSES[options.machine].source,
        "total": whole,
        "sci_per": units,
        "saved": saved(history, counted),
        "rows": rows[options.by](),
    }


def _print(found: dict[str, Any], by: str) -> None:
    rows = found["rows"]
    if by == "test":
        rows = [*rows[: min(_MOST_TESTS, len(rows) - 1)], rows[-1]]
    print_table([_rounded(row) for row in rows], _COLUMNS[by])
    say("")
    units = [{"per": name, **_rounded(row)} for name, row in found["sci_per"].items()]
    print_table(units, ("per", "wh", "grid_g", "made_g", "sci_g"))
    say("")
    print_table([_rounded(row) for row in found["saved"]], ("saved_by", "runs", "seconds", "wh"))
    say("", *_notes(found))


def _notes(found: dict[str, Any]) -> list[str]:
    """Return what the figures rest on, and what is unknown."""
    whole = found["total"]
    lines = [
        (
            f"All figures are estimates. Machine: class {found['machine']}"
            f" ({found['machine_source']})."
        ),
        f"Grid: {found['intensity_source']}.",
        (
            "SCI = (E x I + M) per R: grid_g is E x I, made_g is M. What was saved counts the"
            " seconds that the missing tests usually take, at the mean energy of a second of tests."
        ),
    ]
    if whole["assumed"]:
        lines.append(
            f"{counted_words(whole['assumed'], 'run')} without processor seconds: each process that"
            " runs tests counts as one busy core, so the processor time of the tests is an upper"
            " bound; idle cores of these machines are not counted."
        )
    if whole["unknown"]:
        lines.append(
            f"{counted_words(whole['unknown'], 'run')} without a recorded end: unknown, and in no"
            " sum."
        )
    if whole["grid_g"] is None:
        lines.append("grid_g and sci_g are unknown where the intensity of a run is unknown.")
    return lines


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()
    }


def _intensity(name: str, zone: str | None) -> tuple[str, Callable[[float, float], float | None]]:
    """Return the source in words, and the intensity by start and seconds of a run."""
    if name in SERVICES:
        raise IntensityError(
            "NX956",
            f"--intensity {name} gives a forecast, and the report is about past runs; name a file,"
            " or yearly with --zone",
        )
    if name != YEARLY:
        steps = read_series(Path(name))
        return f"the file {name}", lambda start, length_s: mean_intensity(steps, start, length_s)
    if zone is None:
        return "unknown, because --zone names no country", lambda _start, _length_s: None
    value = yearly_g(zone)
    if value is None:
        raise IntensityError(
            "NX855",
            f"No yearly mean is known of the zone {zone!r:.50}; name a country such as --zone DE,"
            " or another source with --intensity",
        )
    return f"{SOURCE}, {zone}", lambda _start, _length_s: value
