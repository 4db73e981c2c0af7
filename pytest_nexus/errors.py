"""One error class for each remedy, and the warnings, documented in docs/reference/messages.md."""

from __future__ import annotations

from typing import Final

OTHER_PROJECT: Final = (
    "the distribution pytest-nexus (results for Jira) is installed over pytest-nexus-ci: both use"
    " the package pytest_nexus; run `pip uninstall pytest-nexus pytest-nexus-ci`, then install one"
)


class NexusError(Exception):
    """Something that nexus needs is not as it must be."""

    output: tuple[str, ...] = ()
    """The last lines of another program, where the message is about that program."""

    @property
    def message(self) -> str:
        """What went wrong, without the lines of another program."""
        return super().__str__()

    def __str__(self) -> str:
        return "\n".join([self.message, *self.output])


class HistoryError(NexusError):
    """The history file cannot be used; the run goes on without it."""


class CorruptHistoryError(HistoryError):
    """The history file is damaged; it is set aside and a new one started."""


class NewerHistoryError(HistoryError):
    """The history file was written by a later version; it is left alone."""


class JournalError(NexusError):
    """A journal cannot be read; nothing of it was taken in."""


class NewerJournalError(JournalError):
    """The journal was written by a later version; upgrade to read it."""


class ImportFileError(NexusError):
    """A file given to `nexus history import` is not a report that nexus can take in."""


class PlanError(NexusError):
    """A saved plan cannot be used for this job; make it again as the message says."""


class QuarantineError(NexusError):
    """The quarantine file is not as it must be; the message names the entry and the field."""


class HuntError(NexusError):
    """A hunt or a bisection could not run the tests; the message says why, or has the output."""


class GitHubError(NexusError):
    """GitHub cannot be asked, or answers with an error; try again later."""


class LimitedError(GitHubError):
    """GitHub asks to wait for longer than a command waits, or is out of reach; come back later."""


class NotAllowedError(GitHubError):
    """GitHub refuses: the token lacks a permission, or there is no such thing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        """Of the answer: 401, 403, 404 or 410."""


class ArtifactError(NexusError):
    """An artifact is not an archive of journals; it is left out."""


class ModelRefusedError(NexusError):
    """A model cannot be used: it was changed, is damaged, or is of another version."""


class TrainExtraMissingError(NexusError):
    """Training needs packages of the extra `train`; install it as the message says."""


class OptionError(NexusError):
    """An option has a value that is not allowed."""
