"""The names of OpenTelemetry's semantic conventions that nexus uses, and names of its own.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/, and `test`, `vcs`, `error`.
A name of nexus begins with `pytest_nexus.`: the conventions have none for what it says.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "pytest_nexus"
"""The name of the instrumentation."""

PIPELINE: Final = "cicd.pipeline.name"
ACTION: Final = "cicd.pipeline.action.name"
RESULT: Final = "cicd.pipeline.result"
RUN_ID: Final = "cicd.pipeline.run.id"
RUN_STATE: Final = "cicd.pipeline.run.state"
RUN_URL: Final = "cicd.pipeline.run.url.full"
TASK: Final = "cicd.pipeline.task.name"
TASK_TYPE: Final = "cicd.pipeline.task.type"
TASK_RUN_ID: Final = "cicd.pipeline.task.run.id"
TASK_RESULT: Final = "cicd.pipeline.task.run.result"
WORKER_ID: Final = "cicd.worker.id"
WORKER_NAME: Final = "cicd.worker.name"
BRANCH: Final = "vcs.ref.head.name"
COMMIT: Final = "vcs.ref.head.revision"
BASE_COMMIT: Final = "vcs.ref.base.revision"
REPOSITORY_URL: Final = "vcs.repository.url.full"
TEST: Final = "test.case.name"
TEST_RESULT: Final = "test.case.result.status"
SUITE: Final = "test.suite.name"
SUITE_STATUS: Final = "test.suite.run.status"
FILE: Final = "code.file.path"
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"

STATUS: Final = "pytest_nexus.test.status"
"""What became of a test: passed, failed, healed, order-dependent, quarantined, skipped, xfailed."""
ATTEMPTS: Final = "pytest_nexus.test.attempts"
NUMBER: Final = "pytest_nexus.attempt.number"
OUTCOME: Final = "pytest_nexus.attempt.outcome"
SETUP_S: Final = "pytest_nexus.attempt.setup_seconds"
CALL_S: Final = "pytest_nexus.attempt.call_seconds"
TEARDOWN_S: Final = "pytest_nexus.attempt.teardown_seconds"
SIGNATURE: Final = "pytest_nexus.failure.signature"
SHARD: Final = "pytest_nexus.shard.number"
SHARDS: Final = "pytest_nexus.shard.count"
PYTHON: Final = "pytest_nexus.python"

RUN_DURATION: Final = "cicd.pipeline.run.duration"
RUN_ERRORS: Final = "cicd.pipeline.run.errors"
TEST_DURATION: Final = "pytest_nexus.test.duration"
TEST_COUNT: Final = "pytest_nexus.test.count"
ATTEMPT_COUNT: Final = "pytest_nexus.attempt.count"
FIRST_FAILURE: Final = "pytest_nexus.run.first_failure"
"""Names of metrics."""
