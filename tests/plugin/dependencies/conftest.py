"""The fixtures `track` and `track_anyhow`: a project of files, and what its tests used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project

Track = "Callable[..., tracked.Tracked]"


@pytest.fixture
def track(project: Callable[[Mapping[str, str]], Project]) -> Track:
    def run(files: Mapping[str, str], *arguments: str, **options: object) -> tracked.Tracked:
        return tracked.track(project(files), *arguments, **options)  # type: ignore[arg-type] # of `track`

    return run


@pytest.fixture(params=[(), ("-n2",)], ids=["alone", "workers"])
def track_anyhow(
    project: Callable[[Mapping[str, str]], Project], request: pytest.FixtureRequest
) -> Track:
    def run(files: Mapping[str, str], *arguments: str, **options: object) -> tracked.Tracked:
        arguments = (*request.param, *arguments)
        return tracked.track(project(files), *arguments, **options)  # type: ignore[arg-type] # of `track`

    return run
