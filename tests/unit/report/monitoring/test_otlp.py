"""What a collector gets, and what a collector that is away, slow or full costs."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time

import pytest

from pytest_nexus.errors import ExportError
from pytest_nexus.journal.sessions import Session
from pytest_nexus.report.monitoring.bounded_http import MOST_S
from pytest_nexus.report.monitoring.export import export_run
from tests.support.builders import attempt, failure, run
from tests.support.collector import attributes, collecting


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine counts."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def sessions(n_tests: int = 3) -> list[Session]:
    attempts = [attempt(f"a.py::t{number}", started_s=number / 10) for number in range(n_tests)]
    attempts.append(attempt("b.py::x", "failed", failure=failure()))
    made = run(1)._replace(duration_s=30.0, exit_status=1)
    return [Session("1.jsonl", made, tuple(attempts), frozenset(), None)]


def exported(monkeypatch: pytest.MonkeyPatch, given: list[Session], **environ: str) -> str:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return export_run(given, environ)


def test_a_collector_gets_the_trace_and_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        more = {
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_RESOURCE_ATTRIBUTES": "team=core",
        }
        said = exported(monkeypatch, sessions(), **collector.environ, **more)
    assert said == f"11 spans and 6 metrics sent to http://127.0.0.1:{collector.port}"
    root, shard, worker, *tests = collector.spans
    assert [one.name for one in (root, shard, worker)] == ["RUN pytest", "pytest", "main"]
    assert (root.parent_span_id, root.status.code) == (b"", 2)
    assert shard.parent_span_id == root.span_id
    assert worker.parent_span_id == shard.span_id
    assert {one.trace_id for one in collector.spans} == {root.trace_id}
    assert attributes(root)["cicd.pipeline.result"] == "failure"
    bad = next(one for one in tests if one.name == "b.py::x")
    assert attributes(bad)["test.case.result.status"] == "fail"
    attempts = [one for one in tests if one.parent_span_id == bad.span_id]
    assert [one.events[0].name for one in attempts] == ["exception"]
    resource = attributes(collector.traces[0].resource_spans[0].resource)
    assert (resource["service.name"], resource["team"]) == ("pytest", "core")
    assert {one["x-key"] for one in collector.headers} == {"secret"}
    duration = collector.measured["cicd.pipeline.run.duration"]
    assert duration.unit == "s"
    assert duration.histogram.data_points[0].sum == 30.0
    counted = collector.measured["pytest_nexus.test.count"].sum
    assert sum(point.as_double or point.as_int for point in counted.data_points) == 4
    loggers = logging.Logger.manager.loggerDict
    assert not [one for one in loggers if one.startswith("opentelemetry.exporter")
                and getattr(loggers[one], "filters", [])]  # fmt: skip


def test_signals_can_be_switched_off_by_the_standard_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collecting() as collector:
        exported(monkeypatch, sessions(), **collector.environ, OTEL_TRACES_EXPORTER="none")
        assert not collector.spans
        assert collector.measured
        said = exported(monkeypatch, sessions(), **collector.environ, OTEL_SDK_DISABLED="true")
        assert "OTEL_SDK_DISABLED" in said
        assert len(collector.sizes) == 1


def test_a_named_service_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        exported(monkeypatch, sessions(), **collector.environ, OTEL_SERVICE_NAME="shop-tests")
    resource = attributes(collector.traces[0].resource_spans[0].resource)
    assert resource["service.name"] == "shop-tests"


def failed(monkeypatch: pytest.MonkeyPatch, n_tests: int = 3, **environ: str) -> tuple[str, float]:
    started = time.perf_counter()
    with pytest.raises(ExportError) as caught:
        exported(monkeypatch, sessions(n_tests), **environ)
    return str(caught.value), time.perf_counter() - started


def test_a_collector_that_is_away_costs_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"
        said, seconds = failed(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=place)
    assert said.startswith("0 of 11 spans of the run were exported to http://127.0.0.1:")
    assert said.endswith(": no connection [NX619]")
    assert "secret" not in said
    assert seconds < MOST_S + 0.7
    assert capfd.readouterr() == ("", "")


def test_a_slow_collector_costs_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def slow(_body: bytes) -> tuple[int, dict[str, str]]:
        free.wait(8)
        return 200, {}

    with collecting(slow) as collector:
        said, seconds = failed(monkeypatch, **collector.environ)
        free.set()
    assert "no answer within 2 s" in said
    assert MOST_S - 0.1 <= seconds < MOST_S + 0.7


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {}), (429, {"Retry-After": "60"}), (413, {}), (400, {}), (503, {})],
)
def test_a_collector_that_refuses_costs_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: int,
    headers: dict[str, str],
) -> None:
    with collecting(lambda _body: (status, headers)) as collector:
        said, seconds = failed(monkeypatch, **collector.environ)
    assert f"it answered {status}" in said
    assert seconds < MOST_S + 0.7
    assert capfd.readouterr() == ("", "")


def test_batches_that_are_too_large_are_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def small_only(body: bytes) -> tuple[int, dict[str, str]]:
        return (200 if len(body) < 100_000 else 413), {}

    with collecting(small_only) as collector:
        said = exported(monkeypatch, sessions(500), **collector.environ)
    assert said.startswith("1,005 spans")
    assert len(collector.spans) == 1_005


def test_another_protocol_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = failed(monkeypatch, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert said.endswith("OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc' [NX621]")


def test_a_wrong_variable_costs_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = failed(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT="no url at all")
    assert said.endswith("[NX619]")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("pytest_nexus.report.monitoring.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "pytest_nexus.report.monitoring.otlp", None)
    said, _ = failed(monkeypatch)
    assert said.endswith("pip install 'pytest-nexus-ci[otel]' [NX620]")
