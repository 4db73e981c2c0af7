"""Describe a run as counters and histograms, named by the semantic conventions. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.report.monitoring import conventions as names
from pytest_nexus.report.monitoring.trace import pipeline_of, result_of, result_word, wall_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.report.ci.summary import Summary

Labels = tuple[tuple[str, str], ...]
"""Pairs of an attribute and its value."""

RUN_BOUNDS_S: Final = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
TEST_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of a run, with its values by labels."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    """`s`, or what is counted, in braces."""
    about: str
    values: Mapping[Labels, Sequence[float]]
    """A counter and a gauge have one value for each set of labels."""
    bounds: tuple[float, ...] = ()
    """The upper bounds of a histogram's buckets, without infinity."""


def measures_of(summary: Summary, sessions: Sequence[Session]) -> tuple[Measure, ...]:
    """Return the metrics of a run.

    Args:
        summary: of the run.
        sessions: of the run, at least one.
    """
    pipeline = (names.PIPELINE, pipeline_of(sessions))
    state, result = (names.RUN_STATE, "executing"), (names.RESULT, result_of(sessions))
    found = [
        Measure(
            names.RUN_DURATION,
            "histogram",
            "s",
            "Duration of a pipeline run grouped by pipeline, state and result",
            {(pipeline, state, result): [_wall_s(sessions)]},
            RUN_BOUNDS_S,
        ),
        Measure(
            names.RUN_ERRORS,
            "counter",
            "{error}",
            "The number of errors encountered in pipeline runs",
            _counted((pipeline, (names.ERROR_TYPE, error)) for error in _errors(summary)),
        ),
        *_of_tests(summary, pipeline),
    ]
    if summary.first_failure_s is not None:
        found.append(
            Measure(
                names.FIRST_FAILURE,
                "gauge",
                "s",
                "From the start of a run to its first failure",
                {(pipeline,): [summary.first_failure_s]},
            )
        )
    return tuple(one for one in found if one.values)


def _of_tests(summary: Summary, pipeline: tuple[str, str]) -> Iterable[Measure]:
    durations: defaultdict[Labels, list[float]] = defaultdict(list)
    for result in summary.results:
        labels = [pipeline, (names.STATUS, result.status)]
        word = result_word(result.status)
        if word is not None:
            labels.append((names.TEST_RESULT, word))
        durations[tuple(labels)].append(sum(one.duration_s for one in result.attempts))
    yield Measure(
        names.TEST_COUNT,
        "counter",
        "{test}",
        "Tests by what became of them",
        {labels: [float(len(values))] for labels, values in durations.items()},
    )
    yield Measure(
        names.TEST_DURATION,
        "histogram",
        "s",
        "Duration of a test with all its attempts",
        durations,
        TEST_BOUNDS_S,
    )
    yield Measure(
        names.ATTEMPT_COUNT,
        "counter",
        "{attempt}",
        "Attempts of tests by their outcome",
        _counted(
            (pipeline, (names.OUTCOME, attempt.outcome))
            for result in summary.results
            for attempt in result.attempts
        ),
    )


def _errors(summary: Summary) -> Iterable[str]:
    """Yield the type of each final failure; `_OTHER` stands for unknown ones, as OTel asks."""
    for failed in summary.failed:
        failure = failed.result.failure
        yield failure.exception if failure is not None and failure.exception else "_OTHER"


def _wall_s(sessions: Sequence[Session]) -> float:
    start = min(one.run.started_at for one in sessions)
    return max(one.run.started_at + wall_s(one) for one in sessions) - start


def _counted(labels: Iterable[Labels]) -> dict[Labels, list[float]]:
    return {each: [float(n)] for each, n in Counter(labels).items()}
