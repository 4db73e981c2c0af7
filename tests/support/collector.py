"""A collector on this machine: it decodes what it gets as OTLP, and answers as it is told."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Collector:
    """What a collector got, decoded.

    Args:
        answer: returns the status for a body and the headers to send; may wait.
    """

    def __init__(self, answer: Callable[[bytes], tuple[int, dict[str, str]]]) -> None:
        self.answer = answer
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self.port = 0

    @property
    def spans(self) -> list[Any]:
        """All spans, in the order they came."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def measured(self) -> dict[str, Any]:
        """All metrics by name."""
        return {
            metric.name: metric
            for request in self.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    @property
    def environ(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        status, more = self.answer(body)
        self.sizes.append(len(body))
        self.headers.append(headers)
        if status == 200:
            whole = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            if path == "/v1/traces":
                self.traces.append(ExportTraceServiceRequest.FromString(whole))
            else:
                assert path == "/v1/metrics"
                self.metrics.append(ExportMetricsServiceRequest.FromString(whole))
        return status, more


def taken(_body: bytes) -> tuple[int, dict[str, str]]:
    return 200, {}


@contextmanager
def collecting(
    answer: Callable[[bytes], tuple[int, dict[str, str]]] = taken,
) -> Iterator[Collector]:
    """Run a collector until the block ends."""
    collector = Collector(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, more = collector.take(self.path, body, dict(self.headers))
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        collector.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def attributes(owner: Any) -> dict[str, Any]:
    """Return the attributes of a span, a point or a resource as a dictionary."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in owner.attributes
    }
