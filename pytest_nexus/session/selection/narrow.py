"""Apply `nexus_select` to a plan: first what is affected, then what is likely to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.errors import NexusError, with_code
from pytest_nexus.plan.make import RUN
from pytest_nexus.plan.selection.max_age import parse_max_age
from pytest_nexus.plan.selection.modes import Asked, parse_mode
from pytest_nexus.plan.selection.selected import Selected
from pytest_nexus.session.reuse.select import select_affected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Plan
    from pytest_nexus.options import Options
    from pytest_nexus.session.error_boundary import ErrorBoundary
    from pytest_nexus.session.notices import Notices
    from pytest_nexus.session.reuse.circumstances import Circumstances

_PART: Final = "the selection of likely tests"
_GLOB: Final = frozenset("*?[")


class Narrowed(NamedTuple):
    """A plan with the tests that are left out, and what the selection decided."""

    plan: Plan
    selected: Selected | None = None
    """None if tests are left out only because their results are known, or if none are."""


def asked_by(options: Options) -> Asked:
    """Return the user's choices about the tests that run."""
    mode, age = parse_mode(options.select), parse_max_age(options.select_max_age)
    return Asked(mode, options.select_always, age, options.select_shadow)


def narrow(plan: Plan, given: Circumstances, asked: Asked, boundary: ErrorBoundary) -> Narrowed:
    """Return the plan without the tests that need not run; after an error, all tests run.

    Args:
        plan: of all collected tests, with the verdicts of plugins.
        given: what is known.
        asked: the user's choices.
        boundary: catches errors, and takes sentences for the user.
    """
    decided = {index for index, one in enumerate(plan.tests) if one.verdict != RUN}
    chosen = select_affected(plan, given, boundary) if asked.mode.affected else plan
    selected = None
    if asked.mode.predicts:
        chosen, selected = _likely(chosen, given, asked, decided, boundary)
    if not asked.is_shadow:
        return Narrowed(chosen, selected)
    return _in_shadow(plan, chosen, selected or Selected("shadow", given.rule))


def _likely(
    plan: Plan, given: Circumstances, asked: Asked, decided: set[int], boundary: ErrorBoundary
) -> tuple[Plan, Selected | None]:
    notices = boundary.notices
    if given.chosen_by:
        notices.notify(
            with_code("NX246", f"{given.chosen_by}: no test is left out as unlikely to fail")
        )
        return plan, None
    _name_missing(asked.always, given.root, notices)

    def found() -> tuple[Plan, Selected | None]:
        from pytest_nexus.session.selection.unlikely_tests import leave_unlikely  # noqa: PLC0415 - in the boundary

        try:
            return leave_unlikely(plan, given, asked, decided, notices.notify)
        except NexusError as exc:
            notices.notify(str(exc))
            return plan, None

    nothing: tuple[Plan, Selected | None] = (plan, None)
    return boundary.part(_PART, "no test is left out as unlikely to fail").call(found, nothing)


def _in_shadow(plan: Plan, chosen: Plan, selected: Selected) -> Narrowed:
    """Return the plan as it was, and which tests would have been left out."""
    pairs = enumerate(zip(plan.tests, chosen.tests, strict=True))
    out = {
        index
        for index, (one, other) in pairs
        if one.verdict.action == "run" and other.verdict.action != "run"
    }
    spared = selected.spared if selected.mode == "shadow" else frozenset()
    return Narrowed(plan, selected._replace(mode="shadow", spared=spared | out))


def _name_missing(patterns: Sequence[str], root: Path, notices: Notices) -> None:
    """Tell the user about paths in `nexus_select_always` that do not exist."""
    for pattern in patterns:
        path = pattern.partition("::")[0].strip()
        if path and _GLOB.isdisjoint(path) and not (root / path).exists():
            notices.notify(
                with_code("NX247", f"nexus_select_always names {path!r}, which does not exist")
            )
