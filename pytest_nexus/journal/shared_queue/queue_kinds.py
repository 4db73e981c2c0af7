"""The kinds of lines that a job of a shared queue adds to its journal."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pytest_nexus.domain.validation import integer, number, text, texts
from pytest_nexus.journal.fields import Field, Kind

_MAX_TEXT_CHARS: Final = 512
_MAX_NODEID_CHARS: Final = 4096
_MAX_TESTS: Final = 200
"""The same limits as in `format`, which imports this module."""
_MAX_DRAWN: Final = 10**7
_MAX_S: Final = 86_400.0 * 7

_WHAT: Final = ("queued", "left", "again", "refused", "lost")

_short: Final = partial(text, limit=_MAX_TEXT_CHARS)


def _what(value: Any) -> str:
    if value not in _WHAT:
        raise ValueError(f"{value!r} says nothing about tests of a queue")
    return str(value)


QUEUE: Final = Kind(
    "queue",
    "In a job that draws its tests from a shared queue, before its first test.",
    (
        Field("run", "text", "The id that all jobs of the queue have in common", _short),
        Field("job", "text", "Name of the job, the same when it is started again", _short),
        Field(
            "retry",
            "integer",
            "How often a job of this name had joined before",
            partial(integer, least=0, most=10**6),
        ),
        Field("collection", "text", "Digest of the collected node ids", _short),
    ),
)

QUEUE_TESTS: Final = Kind(
    "queue_tests",
    "In a job of a shared queue: what the job says of some tests.",
    (
        Field(
            "what",
            "text",
            "`queued`: the queue holds them; `left`: collected, and the plan leaves them out;"
            " `again`: this job had run them before it was started again; `refused`: they ran here"
            " after their lease had gone to another job; `lost`: they were given up, because each"
            " job with them died",
            _what,
        ),
        Field(
            "tests",
            "list of text",
            "Node ids, at most 200 a line",
            partial(texts, most=_MAX_TESTS, limit=_MAX_NODEID_CHARS),
        ),
    ),
)

QUEUE_BATCH: Final = Kind(
    "queue_batch",
    "In a job of a shared queue, each time that it has drawn tests, and once at its end.",
    (
        Field(
            "tests",
            "integer",
            "Tests that this batch has; 0 at the end",
            partial(integer, least=0, most=_MAX_DRAWN),
        ),
        Field(
            "idle",
            "number",
            "Seconds, since the start of the session, in which the job had no test to run",
            partial(number, most=_MAX_S),
        ),
    ),
)

KINDS_OF_QUEUE: Final = (QUEUE, QUEUE_TESTS, QUEUE_BATCH)
