"""Check whether the deployed model still fits: features, failures and quality against its runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.journal.format import MISSED
from pytest_nexus.predictor.evaluation.drift import (
    ERROR,
    LIMIT,
    SHIFTED,
    chance_of_height,
    kolmogorov_smirnov,
    page_hinkley,
    psi,
)
from pytest_nexus.predictor.evaluation.histograms import added, mean_bin, missing_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.history.queries.quality import QualityOfRun
    from pytest_nexus.history.sqlite.models import Registry
    from pytest_nexus.history.store import History

RECENT: Final = 20
"""Runs that are compared with the training window."""

FEWEST: Final = 10
"""Runs that each side needs; fewer prove nothing."""

WINDOW: Final = 100
"""Runs of the training window that are read, the newest ones."""

MISSING: Final = 0.1
"""Change in the share of missing values that matters; our choice."""

MORE_FAILURES: Final = 2.0
"""Factor between two failure rates that matters; our choice."""

_STILL_WHOLE: Final = frozenset(
    {"--nexus-shard", "--nexus-queue", "-x", "nexus-reuse", "nexus-unlikely"}
)
"""Limits of a run that leave its features those of the whole suite."""

_GROUP: Final = 10
"""Runs in a column of the heat map."""
_MOST_GROUPS: Final = 24
_GROWING: Final = frozenset({"runs"})
"""Features that grow with the age of every history; their drift is no news."""
_GROWING_WHILE_YOUNG: Final = frozenset({"since_failure", "function_since", "file_since"})
"""Ages of failures: no failure is older than the history."""
_YOUNG: Final = 2 * WINDOW
"""Runs with figures from which on these ages have room in the window."""

Measure = str
RETRAIN: Final = "Train again: `nexus train`."
ROLL_BACK: Final = (
    "Quality fell after the deployed model came: compare with `nexus evaluate`, and deploy the one"
    " before with `nexus model rollback`, or train again with `nexus train`."
)


class Finding(NamedTuple):
    """One thing that drifts."""

    subject: str
    """A feature, or `failure rate`, `APFDc`, `Brier score`."""
    measure: Measure
    """`PSI`, `missing values`, `Kolmogorov-Smirnov` or `Page-Hinkley`."""
    value: float
    threshold: float
    since: float
    """Start of the first run that shows it; seconds since the epoch."""
    sentence: str


class Cell(NamedTuple):
    """The shift of one feature in one group of runs."""

    feature: str
    starts_at: float
    psi: float | None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What drifts, since when, and what to do."""

    findings: tuple[Finding, ...]
    """The features first, the most shifted first."""
    advice: str
    """One sentence; empty if nothing drifts."""
    note: str
    """What is missing for a check; empty if nothing is."""
    model: str
    """The deployed version; `shipped` for the shipped model."""
    n_reference: int
    n_recent: int
    features: tuple[tuple[str, float, float], ...] = ()
    """Each feature with its PSI and the probability of Kolmogorov and Smirnov, most shifted
    first."""
    cells: tuple[Cell, ...] = ()

    @property
    def is_drifting(self) -> bool:
        """Return whether anything drifts."""
        return bool(self.findings)

    @property
    def line(self) -> str:
        """Return one sentence for the summary of a run; empty if nothing drifts."""
        if not self.findings:
            return ""
        subjects = list(dict.fromkeys(each.subject for each in self.findings))
        named = ", ".join(subjects[:3]) + (f" and {len(subjects) - 3} more" if subjects[3:] else "")
        return f"the model drifts ({named}); see `nexus model check`"


def drift_of(history: History, recent: int = RECENT) -> DriftReport:
    """Return what drifts in a history, from the figures of at most a few hundred runs.

    Args:
        history: open for reading.
        recent: number of the newest runs that are compared with the training window.
    """
    runs = [each for each in history.quality.read(2 * WINDOW + recent) if _is_comparable(each)]
    return check(runs, history.models, recent)


def _is_comparable(each: QualityOfRun) -> bool:
    """Return whether a run is of the whole suite, or of a part of it, and no mass failure."""
    limits = (name for name in each.selected_by if not name.startswith(MISSED))
    is_whole = _STILL_WHOLE.issuperset(limits)
    return is_whole and not each.is_mass_failure and bool(each.quality.features)


def check(runs: Sequence[QualityOfRun], models: Registry, recent: int = RECENT) -> DriftReport:
    """Return what drifts.

    Args:
        runs: with figures, in time order, without mass failures.
        models: the versions of the model.
        recent: as in `drift_of`.
    """
    champion = models.champion()
    name = "shipped" if champion is None else champion.version
    last = None if champion is None else _last_run(champion.lineage)
    before, after = _windows(runs, last, recent)
    if min(len(before), len(after)) < FEWEST:
        side = "of the training window" if len(before) < FEWEST else "since then"
        note = (
            f"{counted(min(len(before), len(after)), 'run')} {side} with figures about the"
            f" prediction; {FEWEST} are needed. Runs of pytest with --nexus add them."
        )
        return DriftReport((), "", note, name, len(before), len(after))
    newest = after[-recent:]
    table = _features(before, newest)
    cells = _cells([row[0] for row in table], before, after)
    findings = [
        *_shifts(table, cells, newest, _growing(len(runs))),
        *_missing(before, newest),
        *_labels(before, newest),
        *_quality(before, after),
    ]
    advice = _advice(findings, models) if findings else ""
    size = len(before), len(newest)
    return DriftReport(tuple(findings), advice, "", name, *size, tuple(table), tuple(cells))


def _last_run(lineage: str) -> str | None:
    found = json.loads(lineage)
    last = found.get("last_run") if isinstance(found, dict) else None
    return last if isinstance(last, str) else None


def _windows(
    runs: Sequence[QualityOfRun], last: str | None, recent: int
) -> tuple[Sequence[QualityOfRun], Sequence[QualityOfRun]]:
    """Return the training window and the runs after it.

    The shipped model learned from other projects, and so did an imported one: the runs before the
    newest ones take the place of its window.
    """
    uids = [each.run_uid for each in runs]
    end = uids.index(last) + 1 if last in uids else max(0, len(runs) - recent)
    return runs[max(0, end - WINDOW) : end], runs[end:]


def _column(runs: Sequence[QualityOfRun], name: str) -> list[tuple[int, ...]]:
    return [each.quality.features.get(name, ()) for each in runs]


def _names(runs: Sequence[QualityOfRun]) -> list[str]:
    return list(dict.fromkeys(name for each in runs for name in each.quality.features))


def _features(
    before: Sequence[QualityOfRun], after: Sequence[QualityOfRun]
) -> list[tuple[str, float, float]]:
    """Return PSI and probability of each feature, the largest PSI first.

    Tests of one run depend on each other, so PSI, which counts tests, says how large a shift is,
    and the test of Kolmogorov and Smirnov, which counts each run once, whether it is chance.
    """
    found = []
    for name in _names(before):
        old, new = _column(before, name), _column(after, name)
        means = [[m for each in side if (m := mean_bin(each)) is not None] for side in (old, new)]
        p = kolmogorov_smirnov(*means).p if all(means) else 1.0
        found.append((name, psi(added(old), added(new)), p))
    return sorted(found, key=lambda row: (-row[1], row[0]))


def _growing(n_runs: int) -> frozenset[str]:
    """Return the features that only grow because the history does."""
    return _GROWING | _GROWING_WHILE_YOUNG if n_runs < _YOUNG else _GROWING


def _shifts(
    table: Sequence[tuple[str, float, float]],
    cells: Sequence[Cell],
    newest: Sequence[QualityOfRun],
    growing: frozenset[str],
) -> list[Finding]:
    error = ERROR / max(1, len(table))
    return [
        Finding(
            name,
            "PSI",
            value,
            SHIFTED,
            _since(name, cells, newest[0].started_at),
            f"feature {name} has shifted: PSI {value:.2f}, where {SHIFTED:g} is a major shift",
        )
        for name, value, p in table
        if value >= SHIFTED and p < error and name not in growing
    ]


def _since(name: str, cells: Sequence[Cell], otherwise: float) -> float:
    """Return the start of the first group from which on all groups have a major shift."""
    found = otherwise
    for cell in reversed([each for each in cells if each.feature == name]):
        if cell.psi is None or cell.psi < SHIFTED:
            break
        found = cell.starts_at
    return found


def _cells(
    names: Sequence[str], before: Sequence[QualityOfRun], after: Sequence[QualityOfRun]
) -> list[Cell]:
    groups = [after[at : at + _GROUP] for at in range(0, len(after), _GROUP)][-_MOST_GROUPS:]
    reference = {name: added(_column(before, name)) for name in names}
    return [
        Cell(
            name,
            group[0].started_at,
            psi(reference[name], added(own)) if any(own := _column(group, name)) else None,
        )
        for name in names
        for group in groups
    ]


def _missing(before: Sequence[QualityOfRun], after: Sequence[QualityOfRun]) -> list[Finding]:
    names = _names(before)
    found = []
    for name in names:
        shares = [
            [m for each in _column(side, name) if (m := missing_share(each)) is not None]
            for side in (before, after)
        ]
        if not all(shares):
            continue
        old, new = map(fmean, shares)
        p = kolmogorov_smirnov(*shares).p
        if abs(new - old) >= MISSING and p < ERROR / len(names):
            text = (
                f"feature {name} is missing for {percent(new)} of the tests, and was for"
                f" {percent(old)}"
            )
            since = after[0].started_at
            found.append(Finding(name, "missing values", abs(new - old), MISSING, since, text))
    return found


def _labels(before: Sequence[QualityOfRun], after: Sequence[QualityOfRun]) -> list[Finding]:
    old, new = ([_failure_rate(each) for each in side] for side in (before, after))
    ours, theirs = fmean(new), fmean(old)
    factor = max(ours, theirs) / max(min(ours, theirs), 1e-9)
    if factor < MORE_FAILURES or kolmogorov_smirnov(old, new).p >= ERROR:
        return []
    text = f"{percent(ours)} of the tests fail in a run, and {percent(theirs)} did"
    since = after[0].started_at
    return [
        Finding("failure rate", "Kolmogorov-Smirnov", min(factor, 1e6), MORE_FAILURES, since, text)
    ]


def _failure_rate(each: QualityOfRun) -> float:
    return each.quality.n_failed / max(1, each.quality.n_tests)


def _apfdc(each: QualityOfRun) -> float | None:
    return each.quality.apfdc


def _brier(each: QualityOfRun) -> float | None:
    return each.quality.brier


def _quality(before: Sequence[QualityOfRun], after: Sequence[QualityOfRun]) -> list[Finding]:
    found = []
    measures: tuple[tuple[str, int, Callable[[QualityOfRun], float | None]], ...] = (
        ("APFDc", -1, _apfdc),
        ("Brier score", 1, _brier),
    )
    for subject, sign, value_of in measures:
        old = [value for each in before if (value := value_of(each)) is not None]
        new = [(each, value) for each in after if (value := value_of(each)) is not None]
        if len(old) < FEWEST or not new:
            continue
        values = [value for _, value in new]
        alarm = page_hinkley(old, values, sign)
        if alarm.since is None:
            continue
        if chance_of_height(old, values, sign, alarm.height) < ERROR / len(measures):
            since = new[min(alarm.since, len(new) - 1)][0].started_at
            mean = fmean(value for _, value in new[alarm.since :])
            text = f"{subject} is {mean:.3f} since then, and was {fmean(old):.3f}"
            height = min(alarm.height, 1e9)
            found.append(Finding(subject, "Page-Hinkley", height, LIMIT, since, text))
    return found


def _advice(findings: Sequence[Finding], models: Registry) -> str:
    """Return what to do: roll back if quality fell after the deployment, else train again."""
    deployments = models.deployments()
    deployed_at = deployments[-1].at if deployments else None
    fell = [each.since for each in findings if each.measure == "Page-Hinkley"]
    is_own = models.champion() is not None
    if is_own and fell and deployed_at is not None and min(fell) >= deployed_at:
        return ROLL_BACK
    return RETRAIN
