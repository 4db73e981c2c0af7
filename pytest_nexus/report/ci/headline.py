"""Describe a run in one sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.wording import counted, fine_seconds

if TYPE_CHECKING:
    from pytest_nexus.report.ci.results import Status
    from pytest_nexus.report.ci.summary import Summary


def verdict(summary: Summary) -> str:
    """Return the result of the run, worst facts first.

    A flaky test failed and passed in the end; it counts among the passed tests too, as pytest
    counts it. A quarantined test with a failure that does not count is neither passed nor failed.
    """
    counts = summary.counts
    passing: tuple[Status, ...] = ("passed", "healed", "order-dependent", "xfailed")
    n_passed = sum(counts[status] for status in passing)
    new, known = len(summary.new_failures), len(summary.known_failures)
    parts = (
        ("tests may be lost", bool(summary.problems)),
        ("no test ran", not summary.results),
        (_new(new, has_base=summary.known.has_base), bool(new)),
        (counted(known, "known failure"), bool(known)),
        (f"{n_passed:,} passed", bool(summary.results)),
        (f"{counts['skipped']:,} skipped", bool(counts["skipped"])),
        (f"{counts['healed']:,} flaky", bool(counts["healed"])),
        (f"{counts['order-dependent']:,} order-dependent", bool(counts["order-dependent"])),
        (f"{counts['quarantined']:,} quarantined", bool(counts["quarantined"])),
    )
    said = [text for text, is_so in parts if is_so]
    sentence = ", ".join(said) + f" in {fine_seconds(summary.wall_s)}"
    return sentence[:1].upper() + sentence[1:]


def _new(number: int, *, has_base: bool) -> str:
    if has_base:
        return counted(number, "new failure")
    return f"{counted(number, 'failure')} (no base to compare with)"
