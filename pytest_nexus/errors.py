"""One error class for each remedy, and the warnings, documented in docs/reference/messages.md."""

from __future__ import annotations

from typing import Final

OTHER_PROJECT: Final = (
    "the distribution pytest-nexus (results for Jira) is installed over pytest-nexus-ci: both use"
    " the package pytest_nexus; run `pip uninstall pytest-nexus pytest-nexus-ci`, then install one"
)


class NexusError(Exception):
    """The base class: something that nexus needs is missing or wrong."""

    output: tuple[str, ...] = ()
    """The last lines that another program printed, if the message is about that program."""

    @property
    def message(self) -> str:
        """The description of the error, without the output of other programs."""
        return super().__str__()

    def __str__(self) -> str:
        return "\n".join([self.message, *self.output])


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

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status of the answer: 401, 403, 404 or 410."""


class ArtifactError(NexusError):
    """An artifact is not an archive of journals; nexus leaves the artifact out."""


class ModelRefusedError(NexusError):
    """A model cannot be used: its file was modified or damaged, or is of another version."""


class TrainExtraMissingError(NexusError):
    """Training needs packages of the extra `train`; install it as the message says."""


class OptionError(NexusError):
    """An option has an invalid value."""
