"""Send a trace and metrics to a collector, by OpenTelemetry's SDK over OTLP/HTTP.

Everything is configured by the standard `OTEL_*` variables. This module needs the extra `otel`; it
is imported only where an export is asked for.
"""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

import pytest_nexus
from pytest_nexus.domain.system.originals import Thread
from pytest_nexus.report.monitoring import conventions as names
from pytest_nexus.report.monitoring.bounded_http import MOST_S, BoundedHTTP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.report.monitoring.measures import Measure
    from pytest_nexus.report.monitoring.trace import Span, Trace

BATCH: Final = 2_000
"""Spans in one request: about 1 MB, which collectors take."""

_LEAST_BATCH: Final = 100
"""A collector that finds so few spans too large will take no batch at all."""

_TOO_LARGE: Final = 413
_POLL_S: Final = 0.02
_UNNAMED: Final = "unknown_service"
_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.sdk.metrics._internal.export",
)


class Delivery(NamedTuple):
    """What became of an export."""

    n_spans: int = 0
    """Spans that the collector took."""
    n_metrics: int = 0
    """Metrics that the collector took."""
    problem: str = ""
    """Why the rest was not sent, in a few words; empty if all was sent."""


def deliver(trace: Trace, measures: Sequence[Measure], environ: Mapping[str, str]) -> Delivery:
    """Send a trace and metrics, and wait at most two seconds for the collector.

    A thread sends. It is left behind if the collector takes too long.

    Args:
        trace: of a run.
        measures: of the same run.
        environ: of the process, for what is switched off; the SDK reads the other variables.
    """
    http, done = BoundedHTTP(), _Done()
    wants = [
        environ.get(f"OTEL_{name}_EXPORTER", "otlp") != "none" for name in ("TRACES", "METRICS")
    ]
    sender = Thread(target=_send, args=(trace, measures, http, done, wants), daemon=True)
    sender.start()
    while sender.is_alive() and http.waited_s <= MOST_S:
        sender.join(_POLL_S)
    problem = done.problem
    if sender.is_alive():
        problem = http.problem or f"no answer within {MOST_S:g} s"
    return Delivery(done.n_spans, done.n_metrics, problem)


class _Done:
    """What was sent so far; written by the sending thread."""

    def __init__(self) -> None:
        self.n_spans = 0
        self.n_metrics = 0
        self.problem = ""

    def count(self, n_spans: int, n_metrics: int) -> None:
        self.n_spans += n_spans
        self.n_metrics += n_metrics

    def fail(self, problem: str) -> None:
        self.problem = problem


def _send(
    trace: Trace, measures: Sequence[Measure], http: BoundedHTTP, done: _Done, wants: list[bool]
) -> None:
    try:
        with _quiet():
            resource = _resource()
            if wants[0] and not _send_spans(_readable(trace, resource), http, done):
                done.fail(http.problem or "the exporter refused the spans")
            elif wants[1] and not _send_metrics(measures, resource, http):
                done.fail(http.problem or "the exporter refused the metrics")
            elif wants[1]:
                done.count(0, len(measures))
    except Exception as exc:  # noqa: BLE001 - a wrong variable, or another version of the SDK
        done.fail(f"{type(exc).__name__}: {exc!s:.120}")


def _resource() -> Resource:
    """Return the resource that the variables describe; without a name, the service is pytest."""
    given = Resource.create()
    if not str(given.attributes["service.name"]).startswith(_UNNAMED):
        return given
    return Resource.create({"service.name": "pytest"})


def _send_spans(spans: Sequence[ReadableSpan], http: BoundedHTTP, done: _Done) -> bool:
    exporter = OTLPSpanExporter(session=http, timeout=MOST_S)
    size, at = BATCH, 0
    while at < len(spans):
        batch = spans[at : at + size]
        if exporter.export(batch) is SpanExportResult.SUCCESS:
            at += len(batch)
            done.count(len(batch), 0)
        elif http.status == _TOO_LARGE and size // 2 >= _LEAST_BATCH:
            size //= 2
        else:
            return False
    return True


def _readable(trace: Trace, resource: Resource) -> list[ReadableSpan]:
    scope = InstrumentationScope(names.SCOPE, pytest_nexus.__version__)
    flags = TraceFlags(TraceFlags.SAMPLED)
    contexts = {
        one.span_id: SpanContext(trace.trace_id, one.span_id, is_remote=False, trace_flags=flags)
        for one in trace.spans
    }
    return [
        ReadableSpan(
            one.name,
            contexts[one.span_id],
            contexts.get(one.parent),
            resource,
            one.attributes,
            _events(one),
            kind=SpanKind.INTERNAL if one.parent else SpanKind.SERVER,
            status=Status(StatusCode.ERROR, one.error) if one.error else Status(StatusCode.UNSET),
            start_time=one.start_ns,
            end_time=one.end_ns,
            instrumentation_scope=scope,
        )
        for one in trace.spans
    ]


def _events(span: Span) -> list[Event]:
    if not span.exception:
        return []
    facts = {names.EXCEPTION_TYPE: span.exception, names.EXCEPTION_MESSAGE: span.error}
    return [Event("exception", facts, span.end_ns)]


def _send_metrics(measures: Sequence[Measure], resource: Resource, http: BoundedHTTP) -> bool:
    """Record the metrics of the run, and send them once."""
    exporter = OTLPMetricExporter(session=http, timeout=MOST_S)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter(names.SCOPE, pytest_nexus.__version__)
    for one in measures:
        _RECORDS[one.kind](meter, one)
    provider.force_flush()
    return not http.problem


def _count(meter: Any, measure: Measure) -> None:
    counter = meter.create_counter(measure.name, measure.unit, measure.about)
    for labels, values in measure.values.items():
        counter.add(sum(values), dict(labels))


def _distribute(meter: Any, measure: Measure) -> None:
    histogram = meter.create_histogram(
        measure.name,
        measure.unit,
        measure.about,
        explicit_bucket_boundaries_advisory=list(measure.bounds),
    )
    for labels, values in measure.values.items():
        attributes = dict(labels)
        for value in values:
            histogram.record(value, attributes)


def _observe(meter: Any, measure: Measure) -> None:
    def observed(_options: object) -> Iterator[Observation]:
        for labels, values in measure.values.items():
            yield Observation(values[0], dict(labels))

    meter.create_observable_gauge(measure.name, [observed], measure.unit, measure.about)


_RECORDS: Final = {"counter": _count, "histogram": _distribute, "gauge": _observe}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the SDK logs and warns out of the session, which says the same in one line."""

    def is_shown(_record: logging.LogRecord) -> bool:
        return False

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(is_shown)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_shown)
