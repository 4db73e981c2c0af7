"""The facts of the section Model: versions, quality, calibration, drift, distillation."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_nexus.forecast.drift_check import drift_of
from pytest_nexus.forecast.stored_models import parts_of
from pytest_nexus.history.sqlite.models import figures
from pytest_nexus.plan.flakiness.rates import rate_of
from pytest_nexus.report.facts.now_section import COLLECTION
from pytest_nexus.report.facts.selection_section import BUDGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.forecast.drift_check import Cell, Finding
    from pytest_nexus.history.queries.quality import QualityOfRun
    from pytest_nexus.history.sqlite.models import Registry, Version
    from pytest_nexus.report.facts.sources import Sources

DeploymentKind = Literal["promoted", "rolled back", "taken back"]

_SHIPPED: Final = "shipped"
_NO_QUALITY: Final = "No run has a prediction yet: run pytest with --nexus."
_OF_TEACHER: Final = ("teacher", "student", "distil", "loss", "comparisons")
"""Parts of the names of metrics about the distillation."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of the model, as `nexus model list` lists it."""

    version: str
    """`shipped` for the shipped model."""
    alias: str
    """`champion`, `challenger` or empty."""
    parent: str
    """Empty for the shipped model."""
    created_at: float | None
    n_failing_runs: int | None
    apfdc: float | None
    """On runs unseen in training."""
    apfdc_incumbent: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """A point of the time line: a model was deployed."""

    at: float
    version: str
    kind: DeploymentKind
    note: str


@dataclass(frozen=True, slots=True)
class QualityPoint:
    """The quality of the prediction of one run."""

    at: float
    run_uid: str
    branch: str
    model: str
    n_tests: int
    n_failed: int
    apfdc: float | None
    apfdc_collection: float | None
    apfdc_simple: float | None
    """Of the simple order that is best over all runs, see `ModelFacts.best_simple`."""
    first_failure_s: float | None
    first_failure_collection_s: float | None
    first_failure_simple_s: float | None
    brier: float
    log_loss: float
    expected_s: float
    real_s: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Tests with similar forecasts, over all runs."""

    n_tests: int
    predicted: float
    """Mean forecast."""
    failed: float
    """Share that failed."""
    low: float
    """Lower end of the 90 % interval of that share."""
    high: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What was found within a share of the seconds, as means over the failing runs."""

    share: float
    precision: float
    recall: float
    caught: float
    """Share of the failing runs with at least one failure found."""


@dataclass(frozen=True, slots=True)
class TermWeight:
    """A term of the deployed model."""

    term: str
    weight: float
    shipped: float | None
    """The weight in the shipped model; None if that model lacks the term."""


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """How far one feature has shifted."""

    feature: str
    psi: float
    """Population stability index; from 0.1 on worth a look, from 0.25 on a major shift."""
    p: float
    """Probability of such a difference by chance (Kolmogorov-Smirnov over runs)."""


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """The result of `nexus model check`."""

    is_drifting: bool
    findings: tuple[Finding, ...]
    advice: str
    """What to do, in one sentence; empty if nothing drifts."""
    note: str
    """What is missing for a check; empty if nothing is."""
    features: tuple[FeatureShift, ...]
    """The rows of the heat map, the most drifting first."""
    cells: tuple[Cell, ...]
    """The columns of the heat map: each feature in groups of ten runs."""
    n_reference_runs: int
    n_recent_runs: int


@dataclass(frozen=True, slots=True)
class Distillation:
    """How the deployed model learned from its teacher, as its training measured it."""

    figures: tuple[tuple[str, float], ...]
    """Name and value, as in the metrics of the version."""
    student: str = ""
    """Trees and leaves of the student, `4x8`; empty if its lineage does not say."""
    teacher: str = ""
    """The version name of the teacher."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The section Model."""

    versions: tuple[ModelVersion, ...]
    """Oldest first, the shipped model before all."""
    deployments: tuple[Deployed, ...]
    """Oldest first."""
    quality: tuple[QualityPoint, ...]
    """Oldest first, the runs with a prediction."""
    best_simple: str
    """The simple order with the best mean APFDc over these runs; empty if no run failed."""
    mean_apfdc: float | None
    mean_apfdc_simple: float | None
    mean_apfdc_collection: float | None
    mean_brier: float | None
    mean_log_loss: float | None
    reliability: tuple[ReliabilityBin, ...]
    budgets: tuple[Budget, ...]
    weights: tuple[TermWeight, ...]
    """The largest first."""
    drift: DriftFacts
    distillation: Distillation | None
    """None if the deployed model is the shipped one, or was trained without a teacher."""
    note: str
    """What is missing, and how to get it; empty if nothing is missing."""


def model_facts(sources: Sources) -> ModelFacts:
    """Return the facts of the section."""
    registry = sources.history.models
    qualities = sources.qualities
    best = _best_simple(qualities)
    points = tuple(_point(each, best) for each in qualities)
    return ModelFacts(
        versions=tuple(_versions(registry)),
        deployments=tuple(_deployments(registry)),
        quality=points,
        best_simple=best,
        mean_apfdc=_mean(each.apfdc for each in points),
        mean_apfdc_simple=_mean(each.apfdc_simple for each in points),
        mean_apfdc_collection=_mean(each.apfdc_collection for each in points),
        mean_brier=_mean(each.brier for each in points),
        mean_log_loss=_mean(each.log_loss for each in points),
        reliability=_reliability(qualities),
        budgets=_budgets(qualities),
        weights=_weights(registry.champion()),
        drift=_drift(sources),
        distillation=_distillation(registry.champion()),
        note="" if points else _NO_QUALITY,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return fmean(known) if known else None


def _best_simple(qualities: Sequence[QualityOfRun]) -> str:
    """Return the simple order with the best mean APFDc over the failing runs; empty if none."""
    found: dict[str, list[float]] = {}
    for each in qualities:
        for name, (apfdc, _) in each.quality.orders.items():
            found.setdefault(name, []).append(apfdc)
    return max(found, key=lambda name: (fmean(found[name]), name), default="")


def _point(each: QualityOfRun, best: str) -> QualityPoint:
    quality = each.quality
    collected = quality.orders.get(COLLECTION, (None, None))
    simple = quality.orders.get(best, (None, None))
    return QualityPoint(
        at=each.started_at,
        run_uid=each.run_uid,
        branch=each.branch or "",
        model=quality.model,
        n_tests=quality.n_tests,
        n_failed=quality.n_failed,
        apfdc=quality.apfdc,
        apfdc_collection=collected[0],
        apfdc_simple=simple[0],
        first_failure_s=quality.first_failure_s,
        first_failure_collection_s=collected[1],
        first_failure_simple_s=simple[1],
        brier=quality.brier,
        log_loss=quality.log_loss,
        expected_s=quality.expected_s,
        real_s=quality.real_s,
    )


def _versions(registry: Registry) -> Iterable[ModelVersion]:
    champion, challenger = registry.alias("champion"), registry.alias("challenger")
    alias = "" if champion else "champion"
    yield ModelVersion(_SHIPPED, alias, "", None, None, None, None, "")
    for each in registry.versions():
        lineage, metrics = figures(each)
        aliases = {challenger: "challenger", champion: "champion"}
        yield ModelVersion(
            version=each.version,
            alias=aliases.get(each.version, ""),
            parent=each.parent or _SHIPPED,
            created_at=each.created_at,
            n_failing_runs=failing_runs_of(lineage) or None,
            apfdc=_number(metrics.get("apfdc")),
            apfdc_incumbent=_number(metrics.get("apfdc_incumbent")),
            note="taken back" if isinstance(lineage.get("taken_back"), dict) else "",
        )


def _number(found: object) -> float | None:
    return found if isinstance(found, float) else None


def failing_runs_of(lineage: Mapping[str, Any]) -> int:
    """Return the number of failing runs in a model's training, as far as its lineage states it."""
    found: Any = lineage.get("inputs")
    for name in ("facets", "dataQualityMetrics", "failing_runs"):
        given = found if isinstance(found, list) else []
        found = [each[name] for each in given if isinstance(each, dict) and name in each]
    return sum(count for count in found if isinstance(count, int))


def _deployments(registry: Registry) -> Iterable[Deployed]:
    lineages = {each.version: figures(each)[0] for each in registry.versions()}
    before = _SHIPPED
    known = {_SHIPPED}
    for version, at in registry.deployments():
        name = version or _SHIPPED
        fate = lineages.get(before, {}).get("taken_back")
        is_taken_back = isinstance(fate, dict) and fate.get("at") == at
        note = f"model {before} was taken back" if is_taken_back else ""
        kind: DeploymentKind = "taken back" if is_taken_back else "promoted"
        if not is_taken_back and name in known and name != before:
            kind = "rolled back"
        yield Deployed(at, name, kind, note)
        known.add(name)
        before = name


def _reliability(qualities: Sequence[QualityOfRun]) -> tuple[ReliabilityBin, ...]:
    """Return the bins of all runs, added up by place; a place is an interval of forecasts."""
    width = max((len(each.quality.bins) for each in qualities), default=0)
    found = []
    for at in range(width):
        own = [each.quality.bins[at] for each in qualities if at < len(each.quality.bins)]
        n, failed = sum(each.n_tests for each in own), sum(each.n_failed for each in own)
        if n:
            rate = rate_of(min(failed, n), n)
            predicted = sum(each.sum_p for each in own) / n
            found.append(ReliabilityBin(n, predicted, failed / n, rate.low, rate.high))
    return tuple(found)


def _budgets(qualities: Sequence[QualityOfRun]) -> tuple[Budget, ...]:
    failing = [each.quality.budgets for each in qualities if each.quality.budgets]
    return tuple(
        Budget(
            share=share,
            precision=fmean(each[at][0] for each in failing),
            recall=fmean(each[at][1] for each in failing),
            caught=fmean(each[at][1] > 0 for each in failing),
        )
        for at, share in enumerate(BUDGETS)
        if failing and all(len(each) == len(BUDGETS) for each in failing)
    )


def _weights(champion: Version | None) -> tuple[TermWeight, ...]:
    own, shipped = parts_of(champion).weights, parts_of(None).weights
    ranked = sorted(own.items(), key=lambda each: (-each[1], each[0]))
    return tuple(TermWeight(term, weight, shipped.get(term)) for term, weight in ranked)


def _drift(sources: Sources) -> DriftFacts:
    found = drift_of(sources.history)
    return DriftFacts(
        is_drifting=found.is_drifting,
        findings=found.findings,
        advice=found.advice,
        note=found.note,
        features=tuple(FeatureShift(*row) for row in found.features),
        cells=found.cells,
        n_reference_runs=found.n_reference,
        n_recent_runs=found.n_recent,
    )


def _distillation(champion: Version | None) -> Distillation | None:
    if champion is None:
        return None
    lineage, metrics = figures(champion)
    found = tuple(
        (name, float(value))
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and any(part in name for part in _OF_TEACHER)
    )
    names = (str(lineage.get(name, "")) for name in ("student", "teacher"))
    return Distillation(found, *names) if found else None
