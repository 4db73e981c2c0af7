"""One error class for each remedy, and the warnings, documented in docs/reference/messages.md."""

from __future__ import annotations

from typing import Final


def with_code(code: str, sentence: str) -> str:
    """Return a message as it is printed, with its code at the end.

    >>> with_code("NX102", "A shard must be K/N"), with_code("", "A message of another plugin")
    ('A shard must be K/N [NX102]', 'A message of another plugin')
    """
    return f"{sentence} [{code}]" if code else sentence


OTHER_PROJECT: Final = with_code(
    "NX107",
    "the distribution pytest-nexus (results for Jira) is installed over pytest-nexus-ci: both use"
    " the package pytest_nexus; run `pip uninstall pytest-nexus pytest-nexus-ci`, then install one",
)


class NexusError(Exception):
    """The base class: something that nexus needs is missing or wrong.

    Called with the code of the message and the message; another plugin gives the message alone.
    """

    output: tuple[str, ...] = ()
    """The last lines that another program printed, if the message is about that program."""

    @property
    def code(self) -> str:
        """The code of the message, such as `NX102`; empty if another plugin raised the error."""
        first = str(self.args[0]) if len(self.args) == 2 else ""
        return first if first.startswith("NX") else ""

    @property
    def message(self) -> str:
        """The description of the error, without its code and the output of other programs."""
        return str(self.args[1]) if self.code else super().__str__()

    @property
    def first_line(self) -> str:
        """The description of the error with its code."""
        return with_code(self.code, self.message)

    def __str__(self) -> str:
        return "\n".join([self.first_line, *self.output])


class HistoryError(NexusError):
    """The history file cannot be used; the run goes on without a history."""


class CorruptHistoryError(HistoryError):
    """The history file is damaged; nexus renames the file and starts a new history."""


class NewerHistoryError(HistoryError):
    """The history file was written by a later version of nexus; it stays unchanged."""


class JournalError(NexusError):
    """A journal cannot be read; none of its attempts were added to the history."""


class NewerJournalError(JournalError):
    """The journal was written by a later version of nexus; upgrade to read it."""


class ImportFileError(NexusError):
    """A file given to `nexus history import` is not a report that nexus can read."""


class DashboardError(NexusError):
    """The dashboard cannot be written to its file; name another file."""


class PlanError(NexusError):
    """A saved plan cannot be used for this job; make it again as the message says."""


class QuarantineError(NexusError):
    """The quarantine file is invalid; the message names the entry and the field."""


class HuntError(NexusError):
    """A hunt or a bisection could not run the tests; the message gives the reason or the output."""


class GitHubError(NexusError):
    """GitHub cannot be reached, or answers with an error; try again later."""


class LimitedError(GitHubError):
    """GitHub is out of reach, or its rate limit lasts longer than a command waits; try later."""


class NotAllowedError(GitHubError):
    """GitHub refuses: the token lacks a permission, or the requested thing does not exist."""

    def __init__(self, status: int, *message: str) -> None:
        super().__init__(*message)
        self.status = status
        """The HTTP status of the answer: 401, 403, 404 or 410."""


class ArtifactError(NexusError):
    """An artifact is not an archive of journals; nexus leaves the artifact out."""


class ModelRefusedError(NexusError):
    """A model cannot be used: its file was modified or damaged, or is of another version."""


class TrainExtraMissingError(NexusError):
    """Training needs packages of the extra `train`; install it as the message says."""


class TrainingError(NexusError):
    """A training or a search cannot be made as asked; the message says what is missing."""


class ExportError(NexusError):
    """The run was not exported to monitoring; the tests and the history are not affected."""


class OptionError(NexusError):
    """An option has an invalid value."""


class CacheError(NexusError):
    """A cache cannot be used as asked; the message names the file, the output or the command."""


class QueueAwayError(NexusError):
    """The shared queue does not answer; the job goes on with what it has, and tries again."""


class IntensityError(NexusError):
    """The intensity of a grid is unknown; choose another source, or try again later."""


class DeploymentError(NexusError):
    """A deployed model cannot be used or replaced; the message says what stays in place."""


class GateError(DeploymentError):
    """A model failed a gate before its deployment; nothing was changed anywhere."""
