"""Send the run to a collector at the end of a session that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.errors import NexusError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.session.pipeline import Pipeline


def register_export(pipeline: Pipeline) -> None:
    """Export the run when its journal has ended; what cannot be sent costs one line."""
    part = pipeline.boundary.part("the export over OTLP", "the run is not exported")

    def export(journal: Path) -> None:
        from pytest_nexus.journal.sessions import read_session  # noqa: PLC0415 - in the boundary
        from pytest_nexus.report.monitoring.export import export_run  # noqa: PLC0415 - likewise

        try:
            export_run([read_session(journal)], pipeline.setup.environ)
        except NexusError as exc:
            pipeline.notices.notify(str(exc))

    pipeline.on_journal(part.cover(export))
