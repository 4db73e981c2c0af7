"""Write a run in the text format of Prometheus. Pure.

The counters and histograms have the names of the semantic conventions, written as OpenTelemetry's
exporter for Prometheus does: dots become underscores, a unit and `_total` end the name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from pytest_nexus.report.ci.results import STATUSES
from pytest_nexus.report.formats.escaping import label_value, plain
from pytest_nexus.report.monitoring.measures import measures_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.report.ci.summary import Summary
    from pytest_nexus.report.monitoring.measures import Labels, Measure

_ODD: Final = re.compile(r"[^a-zA-Z0-9_:]")


def prometheus(summary: Summary, sessions: Sequence[Session]) -> str:
    """Return the run as metrics, for a push gateway or a textfile collector."""
    lines = list(_gauge("pytest_nexus_tests", "Tests by what became of them", _by_status(summary)))
    lines += _gauge(
        "pytest_nexus_new_failures",
        "Failures that the base branch does not have",
        [("", len(summary.new_failures))],
    )
    lines += _gauge(
        "pytest_nexus_proven",
        "1 if no shard lost a test, 0 if one may have",
        [("", 0 if summary.problems else 1)],
    )
    lines += _gauge(
        "pytest_nexus_shard_seconds",
        "Wall seconds of each job",
        [(_labels((("shard", one.name),)), one.wall_s) for one in summary.parts],
    )
    lines += _gauge("pytest_nexus_tests_seconds", "Seconds of all tests", [("", summary.tests_s)])
    for measure in measures_of(summary, sessions) if sessions else ():
        lines += _of_measure(measure)
    return "\n".join(lines) + "\n"


def _gauge(name: str, about: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    return [
        *_head(name, about, "gauge"),
        *(f"{name}{labels} {value:g}" for labels, value in samples),
    ]


def _head(name: str, about: str, kind: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _of_measure(measure: Measure) -> Iterator[str]:
    """Yield the lines of one metric."""
    name = _ODD.sub("_", measure.name) + ("_seconds" if measure.unit == "s" else "")
    if measure.kind == "counter":
        name += "_total"
    yield from _head(name, measure.about, measure.kind)
    for labels, values in measure.values.items():
        if measure.kind == "histogram":
            yield from _histogram(name, labels, values, measure.bounds)
        else:
            yield f"{name}{_labels(labels)} {sum(values):.12g}"


def _histogram(
    name: str, labels: Labels, values: Sequence[float], bounds: Sequence[float]
) -> Iterator[str]:
    """Yield the buckets, each with all values up to its bound, and their sum and count."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    total = 0
    for bound, count in zip([*map("{:g}".format, bounds), "+Inf"], counts, strict=True):
        total += count
        yield f"{name}_bucket{_labels((*labels, ('le', bound)))} {total}"
    yield f"{name}_sum{_labels(labels)} {sum(values):.12g}"
    yield f"{name}_count{_labels(labels)} {total}"


def _by_status(summary: Summary) -> list[tuple[str, float]]:
    counts = summary.counts
    return [(_labels((("status", status),)), counts[status]) for status in STATUSES]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{_ODD.sub("_", name)}="{label_value(plain(value))}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"
