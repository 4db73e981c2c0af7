"""Export a run over OTLP, and say in one line what could not be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.links import links_of
from pytest_nexus.errors import ExportError
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.monitoring.measures import measures_of
from pytest_nexus.report.monitoring.trace import trace_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.report.ci.summary import Summary

_SPOKEN: Final = ("", "http/protobuf")


def export_run(
    sessions: Sequence[Session], environ: Mapping[str, str], summary: Summary | None = None
) -> str:
    """Send the run to the collector that the `OTEL_*` variables name; return what was sent.

    Args:
        sessions: of one run, at least one.
        environ: of the process.
        summary: of the run; None to make it from the sessions.

    Raises:
        ExportError: the extra is missing, or the collector did not take all of it.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "nothing was sent, because OTEL_SDK_DISABLED is true"
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        protocol = environ.get(name, "").strip()
        if protocol not in _SPOKEN:
            raise ExportError(
                "NX621",
                "the run is not exported: nexus speaks http/protobuf, and"
                f" {name} is {protocol!r:.40}",
            )
    try:
        from pytest_nexus.report.monitoring import otlp  # noqa: PLC0415 - needs the extra
        from pytest_nexus.report.monitoring.bounded_http import place_of  # noqa: PLC0415 - loads requests
    except ImportError as exc:
        raise ExportError(
            "NX620",
            f"the run is not exported over OTLP, which needs more packages ({exc});"
            " pip install 'pytest-nexus-ci[otel]'",
        ) from exc
    made = summarise(sessions, (), Known()) if summary is None else summary
    trace = trace_of(sessions, links_of(environ))
    delivery = otlp.deliver(trace, measures_of(made, sessions), environ)
    place = place_of(environ)
    if delivery.problem:
        raise ExportError(
            "NX619",
            f"{delivery.n_spans:,} of {len(trace.spans):,} spans of the run were exported to"
            f" {place}: {delivery.problem}",
        )
    return f"{delivery.n_spans:,} spans and {delivery.n_metrics:,} metrics sent to {place}"
