"""Ask plugins for additional facts about an attempt, for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.validation import WRONG
from pytest_nexus.journal.extra_fields import extra
from pytest_nexus.session.hooks.user_hooks import usable

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.session.hooks.user_hooks import UserHooks

ATTEMPT: Final = "pytest_nexus_attempt"


def with_extra(hooks: UserHooks, attempt: Attempt, run: Run) -> Attempt:
    """Return the attempt with the fields that plugins add; unusable fields are left out."""
    fields: dict[str, Any] = {}
    results = hooks.results(ATTEMPT, attempt=attempt, run=run)
    for added in usable(hooks, ATTEMPT, results, Mapping):
        try:
            fields = extra({**fields, **added})
        except WRONG:
            hooks.refuse(ATTEMPT, added)
    return attempt._replace(extra=fields) if fields else attempt
