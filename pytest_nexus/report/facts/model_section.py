"""The facts of the section Model: versions, quality, calibration, drift, distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    kind: Literal["promoted", "rolled back", "taken back"]
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
class DriftCell:
    """One feature in one group of runs, against the training window."""

    feature: str
    starts_at: float
    """Start of the first run of the group."""
    psi: float | None
    """Population stability index; None without tests."""


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """What drifts, in the words of `nexus model check`."""

    subject: str
    """A feature, or `failure rate`, `APFDc`, `Brier score`."""
    measure: str
    """`PSI`, `missing values`, `label` or `Page-Hinkley`."""
    value: float
    threshold: float
    since: float | None
    """Start of the first run that shows it; None if unknown."""
    sentence: str


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """The result of `nexus model check`."""

    is_drifting: bool
    findings: tuple[DriftFinding, ...]
    advice: str
    """What to do, in one sentence; empty if nothing drifts."""
    note: str
    """What is missing for a check; empty if nothing is."""
    features: tuple[str, ...]
    """The rows of the heat map, the most drifting first."""
    cells: tuple[DriftCell, ...]
    n_reference_runs: int
    n_recent_runs: int


@dataclass(frozen=True, slots=True)
class Distillation:
    """How the deployed model learned from its teacher, as its training measured it."""

    figures: tuple[tuple[str, float], ...]
    """Name and value, as in the metrics of the version."""


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
