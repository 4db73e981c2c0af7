"""The energy of past runs: by week, by suite, by test, and what was saved. All are estimates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import fsum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pytest_nexus.energy.emissions import Footprint, footprint, total
from pytest_nexus.energy.power import Use
from pytest_nexus.energy.run_energy import RunEnergy, RunWork, run_energy
from pytest_nexus.record.limited_by import REUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_nexus.energy.power import MachineClass
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History

MILLION: Final = 1_000_000
REST: Final = "(start, collection, waiting)"
"""Stands for what no test took."""

Intensity: TypeAlias = "Callable[[float, float], float | None]"


class Counted(NamedTuple):
    """A run with its estimate."""

    each: RunSummary
    work: RunWork
    energy: RunEnergy | None
    """None if its wall time is unknown."""


class Saving(NamedTuple):
    """What runs left out."""

    runs: int
    seconds: float
    """Seconds of tests that did not run, as expected from the history."""


def counted_runs(
    history: History, since: float, kind: MachineClass, intensity: Intensity
) -> list[Counted]:
    """Return the runs since a moment, newest first, each with its estimate.

    Args:
        history: with the runs.
        since: seconds since the epoch.
        kind: class of the machines.
        intensity: takes the start and the seconds of a run; returns grams per kWh, None if unknown.
    """
    figures = history.figures(max(history.count_runs(), 1))
    times = figures.times()
    found = []
    for each in figures.runs:
        run = each.run
        if run.started_at < since:
            continue
        tests_s = times[run.run_uid].tests_s
        work = RunWork(run.duration_s, tests_s, run.workers, run.cpu_s, run.cores)
        grams = intensity(run.started_at, run.duration_s or 0.0)
        found.append(Counted(each, work, run_energy(kind, work, grams)))
    return found


def by_week(counted: Sequence[Counted]) -> list[dict[str, Any]]:
    """Return one row for each week, the oldest first."""
    return [{"week": name, **row} for name, row in _grouped(counted, _monday)]


def by_suite(counted: Sequence[Counted]) -> list[dict[str, Any]]:
    """Return one row for each job of a workflow; the parts of a matrix count as one job."""
    return [{"suite": name, **row} for name, row in _grouped(counted, _suite)]


def by_test(history: History, counted: Sequence[Counted]) -> list[dict[str, Any]]:
    """Return one row for each test, the largest first, and one for what no test took.

    A test takes its share of the seconds of all processes that run tests.
    """
    figures = history.figures(max(history.count_runs(), 1))
    sums: dict[str, list[float]] = {}
    for one in counted:
        if one.energy is None:
            continue
        rate = one.energy.kwh_per_test_s
        for key, seconds in figures.tests_of(one.each.run.run_uid):
            row = sums.setdefault(key, [0.0, 0.0])
            row[0] += seconds
            row[1] += seconds * rate
    whole = fsum(one.energy.footprint.kwh for one in counted if one.energy is not None)
    rows = [(key, seconds, kwh) for key, (seconds, kwh) in sums.items()]
    rows.sort(key=lambda row: (-row[2], row[0]))
    rest = max(0.0, whole - fsum(row[2] for row in rows))
    return [
        {"test": key, "seconds": seconds, "wh": 1000 * kwh, "share": kwh / whole if whole else 0.0}
        for key, seconds, kwh in [*rows, (REST, None, rest)]
    ]


def sums_of(counted: Sequence[Counted]) -> dict[str, Any]:
    """Return the sums over runs; `sci_g` is None if the grams of any run are unknown.

    `cpu_s` is the sum over the runs that recorded their processor seconds; None if none did.
    """
    known = [one for one in counted if one.energy is not None]
    whole = total([one.energy.footprint for one in known if one.energy is not None])
    measured = [one.work.cpu_s or 0.0 for one in known if one.work.is_measured]
    return {
        "runs": len(counted),
        "unknown": len(counted) - len(known),
        "assumed": sum(not one.work.is_measured for one in known),
        "wall_s": fsum(one.work.wall_s or 0.0 for one in known),
        "cpu_s": fsum(measured) if measured or not known else None,
        "wh": 1000 * whole.kwh,
        **_grams(whole),
    }


def per_unit(counted: Sequence[Counted]) -> dict[str, Any]:
    """Return SCI = (E x I + M) per run, and per million tests; nothing without runs."""
    known = [one for one in counted if one.energy is not None]
    n_tests = sum(one.each.n_attempts for one in known)
    whole = total([one.energy.footprint for one in known if one.energy is not None])
    units = {"one run": len(known), "one million tests": n_tests / MILLION}
    return {name: _per(whole, number) for name, number in units.items() if number}


def of_training(
    kind: MachineClass, seconds: float, cores: int, g_per_kwh: float | None
) -> dict[str, Any]:
    """Return SCI per training of some seconds, with all cores busy."""
    return _per(footprint(kind, Use(seconds, seconds * cores, cores), g_per_kwh), 1)


def saved(history: History, counted: Sequence[Counted]) -> list[dict[str, Any]]:
    """Return what selection, reuse and stopped runs left out, as energy of the mean test second."""
    known = [one for one in counted if one.energy is not None]
    kwh = fsum(one.energy.footprint.kwh for one in known if one.energy is not None)
    lanes = fsum(one.work.lane_s for one in known)
    rate = kwh / lanes if lanes else None
    return [
        {
            "saved_by": name,
            "runs": each.runs,
            "seconds": each.seconds,
            "wh": None if rate is None else 1000 * each.seconds * rate,
        }
        for name, each in _savings(history, counted).items()
    ]


def _savings(history: History, counted: Sequence[Counted]) -> dict[str, Saving]:
    uids = {one.each.run.run_uid for one in counted}
    selected = {
        each.run_uid: each.left_s
        for each in history.selection.runs()
        if each.mode == "on" and each.n_left and each.run_uid in uids
    }
    reused = {
        each.run_uid: max(0.0, each.quality.left_s - selected.get(each.run_uid, 0.0))
        for each in history.quality.read()
        if REUSE in each.selected_by and each.run_uid in uids
    }
    return {
        "selection": _saving(selected.values()),
        "reuse": _saving(reused.values()),
        "stop at a failure": _saving(_stopped(counted)),
    }


def _saving(seconds: Iterable[float]) -> Saving:
    each = list(seconds)
    return Saving(len(each), fsum(each))


def _stopped(counted: Sequence[Counted]) -> list[float]:
    """Return the seconds that each run with `-x` or `--maxfail` did not get to.

    A test that did not run counts as the mean of all tests.
    """
    n_tests = sum(one.each.n_tests for one in counted)
    mean_s = fsum(one.work.tests_s for one in counted) / n_tests if n_tests else 0.0
    return [
        mean_s * left
        for one in counted
        if "-x" in one.each.run.selected_by
        and (left := (one.each.run.n_selected or 0) - one.each.n_tests) > 0
    ]


def _grouped(
    counted: Sequence[Counted], name: Callable[[RunSummary], str]
) -> list[tuple[str, dict[str, Any]]]:
    groups: dict[str, list[Counted]] = {}
    for one in counted:
        groups.setdefault(name(one.each), []).append(one)
    return [(key, sums_of(own)) for key, own in sorted(groups.items())]


def _monday(each: RunSummary) -> str:
    day = datetime.fromtimestamp(each.run.started_at, UTC)
    return f"{day - timedelta(days=day.weekday()):%Y-%m-%d}"


def _suite(each: RunSummary) -> str:
    ci = each.run.ci
    if ci is None:
        return "(outside CI)"
    job = ci.job.partition(" (")[0]
    return " / ".join(part for part in (ci.workflow, job) if part) or f"({ci.provider})"


def _per(whole: Footprint, number: float) -> dict[str, Any]:
    one = Footprint(
        whole.kwh / number,
        None if whole.operational_g is None else whole.operational_g / number,
        whole.made_g / number,
    )
    return {"wh": 1000 * one.kwh, **_grams(one)}


def _grams(found: Footprint) -> Mapping[str, float | None]:
    return {"grid_g": found.operational_g, "made_g": found.made_g, "sci_g": found.total_g}
