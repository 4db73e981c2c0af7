"""What a job of a shared queue takes from its settings and its CI."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_nexus.registration.queued import expected_jobs

CIRCLE = {"CIRCLECI": "true", "CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "6"}


@pytest.mark.parametrize(
    ("expect", "shard", "environ", "number"),
    [
        (3, "1/4", CIRCLE, 3),
        (None, "2/4", CIRCLE, 4),
        (None, "auto", CIRCLE, 6),
        (None, None, CIRCLE, 6),
        (None, None, {}, 1),
        (None, "5/4", CIRCLE, 1),
        (None, None, CIRCLE | {"CIRCLE_NODE_INDEX": "9"}, 1),
    ],
)
def test_number_of_jobs(
    expect: int | None, shard: str | None, environ: dict[str, str], number: int
) -> None:
    options: Any = SimpleNamespace(queue_expect=expect, shard=shard)

    assert expected_jobs(options, environ) == number
