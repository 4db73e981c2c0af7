"""The rows of the option table about the shared queue."""

from __future__ import annotations

from typing import Final

from pytest_nexus.domain.option import Option

_SECONDS: Final = r"[0-9]{1,6}(?:\.[0-9]{1,6})?s?"
_FORM: Final = "a number of seconds"

QUEUE_OPTIONS: Final = (
    Option(
        "nexus_queue",
        "text",
        default=None,
        help="Draw the tests from a queue that several jobs share: sqlite:///FILE or"
        " postgresql://...",
        metavar="ADDRESS",
        may_be_secret=True,
    ),
    Option(
        "nexus_queue_run",
        "text",
        default=None,
        help="Id of the run in the queue, the same in all its jobs; the CI's by default",
        metavar="ID",
    ),
    Option(
        "nexus_queue_job",
        "text",
        default=None,
        help="Name of this job in the queue, the same when it is started again",
        metavar="NAME",
    ),
    Option(
        "nexus_queue_expect",
        "text",
        default=None,
        help="Number of jobs that will share the queue, so that the first job leaves work to them;"
        " that of nexus_shard or of the CI by default",
        metavar="N",
        pattern=r"[1-9][0-9]{0,3}",
        form="a number of jobs from 1 to 9999",
    ),
    Option(
        "nexus_queue_patience",
        "text",
        default="300",
        help="Longest wait for a queue that is away, or for the tests of other jobs",
        metavar="SECONDS",
        pattern=_SECONDS,
        form=_FORM,
    ),
    Option(
        "nexus_queue_lease",
        "text",
        default="30",
        help="Time after which a job that is not heard of loses its tests to other jobs",
        metavar="SECONDS",
        pattern=_SECONDS,
        form=_FORM,
    ),
)
