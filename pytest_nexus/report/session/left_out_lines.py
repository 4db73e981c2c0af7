"""Say which tests a selection left out, or in shadow would have left out, and the time saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.wording import counted, seconds
from pytest_nexus.plan.selection.rest import ONLY_REST, RAN_REST

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.session.planned import LeftTests


def selection_lines(
    selection: RunSelection | None, left: Mapping[str, LeftTests], failed: Sequence[str]
) -> list[str]:
    """Return one line for each reason why tests were left out, or one line about a shadow.

    Args:
        selection: what the selection decided; None if there was none.
        left: the tests that the forecasts or the budget left out, by reason.
        failed: node ids of the failed tests.
    """
    if selection is None:
        return []
    if selection.mode == "shadow":
        return [_shadow(selection, missed(selection, failed), len(failed))]
    if selection.why in RAN_REST:
        own = _rest(selection, missed(selection, failed), len(failed))
        return [own] if selection.why == ONLY_REST else [own, *_elsewhere(left)]
    found = [
        f"{counted(each.n_tests, 'test')} left out ({reason}), {seconds(each.seconds)} saved"
        for reason, each in left.items()
    ]
    if found and selection.left:
        found[-1] += f"; {len(selection.left):,} more ran as a sample"
    return found


def missed(selection: RunSelection, failed: Collection[str]) -> list[str]:
    """Return the node ids of the failed tests that could have been left out."""
    return [nodeid for nodeid in failed if key_of_nodeid(nodeid) in selection.left]


def missed_lines(selection: RunSelection | None, failed: Sequence[str]) -> list[str]:
    """Return that a test of the sample failed, which a selection without sample would have missed.

    In shadow, and after a failure, all tests run, and `selection_lines` counts such failures.
    """
    if selection is None or selection.mode == "shadow" or selection.why in RAN_REST:
        return []
    found = missed(selection, failed)
    if not found:
        return []
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    return [f"failed: {found[0]}{more} of the sample of tests that are unlikely to fail"]


def _rest(selection: RunSelection, found: Sequence[str], n_failed: int) -> str:
    tests = counted(len(selection.left), "test")
    if selection.why == ONLY_REST:
        return (
            f"only the rest of the shard ran: {tests} that {selection.rule} leaves out;"
            f" {counted(n_failed, 'test')} failed"
        )
    return (
        f"a test failed, so {tests} that {selection.rule} leaves out ran too;"
        f" {len(found):,} of {counted(n_failed, 'failed test')} among them"
    )


def _elsewhere(left: Mapping[str, LeftTests]) -> list[str]:
    """Return what is left out in other shards. Each runs its own part of the rest if it fails."""
    return [
        f"{counted(each.n_tests, 'test')} of other shards left out ({reason}),"
        f" {seconds(each.seconds)} saved, unless a test fails there"
        for reason, each in left.items()
    ]


def _shadow(selection: RunSelection, found: Sequence[str], n_failed: int) -> str:
    tests = counted(selection.n_left, "test")
    line = f"in shadow: {selection.rule} would leave out {tests} and save"
    line += f" {seconds(selection.left_s)}; all tests ran"
    if n_failed:
        line += f"; {len(found):,} of {counted(n_failed, 'failed test')} would have been left out"
    return line
