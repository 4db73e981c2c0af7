"""The marker `flaky`, read as pytest-rerunfailures reads it."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.failure_signature import split_exception
from pytest_nexus.run.reruns.conditions import holds
from pytest_nexus.run.reruns.fresh_item import obstacle_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

    from pytest_nexus.domain.records import Failure

DESCRIPTION: Final = (
    "flaky(reruns=1, reruns_delay=0, reruns_delay_backoff_factor=1, condition=True, "
    "only_rerun=None, rerun_except=None): repeat the test up to `reruns` times if it fails (nexus)"
)

_POSITIONS: Final = ("reruns", "reruns_delay", "reruns_delay_backoff_factor")
_NAMES: Final = frozenset({*_POSITIONS, "condition", "only_rerun", "rerun_except"})
_EXPLICIT: Final = "direct cause"
"""In pytest's words between an exception and the one that was raised `from` it."""


class Raised(NamedTuple):
    """What a failed phase raised, as `Exception: message`."""

    texts: tuple[str, ...]
    """The exception first, then those behind it (`__cause__`, `__context__`)."""
    n_causes: int = 0
    """How many of those behind it are linked by `raise ... from ...` without a break."""


class RerunRule(NamedTuple):
    """What the marker of a test says."""

    reruns: int
    delay_s: float
    only: tuple[str, ...] = ()
    """Patterns of `Exception: message`; any other failure is not repeated."""
    excepted: tuple[str, ...] = ()
    """Patterns of failures that are not repeated."""
    backoff: float = 1.0
    """By how much each delay is longer than the one before."""
    obstacle: str = ""
    """Why the test is not repeated at all, whatever its marker says; empty if it may be."""

    def delay_after(self, number: int) -> float:
        """Return the seconds to wait after an attempt, counted from 1.

        >>> [RerunRule(3, 1.0, backoff=2.0).delay_after(number) for number in (1, 2, 3)]
        [1.0, 2.0, 4.0]
        """
        try:
            return self.delay_s * self.backoff ** (number - 1)
        except OverflowError:
            return math.inf

    def allows(self, raised: Raised) -> bool:
        """Return whether a failure may be repeated.

        `only` is looked for in the whole chain of exceptions.
        """
        if self.only and not _matches(self.only, raised.texts):
            return False
        return not self.forbids(raised)

    def forbids(self, raised: Raised) -> bool:
        """Return whether a failure forbids to repeat, by `excepted` and the explicit causes."""
        return _matches(self.excepted, raised.texts[: 1 + raised.n_causes])


def rerun_rule(item: pytest.Item) -> RerunRule | None:
    """Return what the marker `flaky` of an item says, or what is against repeating it; else None.

    `flaky` of another plugin, which has other arguments, is none. A value that is no number counts
    as the default.
    """
    obstacle = obstacle_to(item)
    if obstacle:
        return RerunRule(0, 0.0, obstacle=obstacle)
    marker = item.get_closest_marker("flaky")
    if marker is None or marker.kwargs.keys() - _NAMES:
        return None
    given: dict[str, Any] = {**dict(zip(_POSITIONS, marker.args, strict=False)), **marker.kwargs}
    if not holds(given.get("condition", True), item):
        return RerunRule(0, 0.0)
    return RerunRule(
        reruns=_number(given.get("reruns"), 1, int),
        delay_s=_number(given.get("reruns_delay"), 0.0, float),
        only=_patterns(given.get("only_rerun")),
        excepted=_patterns(given.get("rerun_except")),
        backoff=_number(given.get("reruns_delay_backoff_factor"), 1.0, float),
    )


def text_of(report: pytest.TestReport, failure: Failure) -> Raised:
    """Return what the patterns are matched against, as far as a report has it.

    With `--tb=native` it has the last exception alone.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    message = failure.message if crash is None else str(crash.message)
    first = _named(message, failure.exception)
    behind = getattr(report.longrepr, "chain", None) or ()
    links = list(reversed(behind))[1:]
    explicit = [_EXPLICIT in (description or "") for *_, description in links]
    n_causes = explicit.index(False) if False in explicit else len(explicit)
    texts = [_named(_said_by(traceback, place)) for traceback, place, _ in links]
    return Raised((first, *texts), n_causes)


def _said_by(traceback: Any, place: Any) -> str:
    """Return the message of an exception in a chain; one that was never raised has no place."""
    if place is not None:
        return str(place.message)
    return "".join(str(traceback).strip().splitlines()[-1:])


def _named(message: str, exception: str = "") -> str:
    """Return a message with the bare name of its exception before it, which pytest may leave out.

    >>> _named("assert 1 == 2"), _named("urllib.error.URLError: refused"), _named("a: b", "lower")
    ('AssertionError: assert 1 == 2', 'URLError: refused', 'lower: a: b')
    """
    name, rest = split_exception(message)
    if exception and name != exception:
        name, rest = exception, message.removeprefix(f"{exception}: ")
    return f"{name.rpartition('.')[2]}: {rest}" if name else message


def _matches(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    return any(_found(pattern, text) for text in texts for pattern in patterns)


def _found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # what is no pattern is taken as it is written
        return pattern in text


def _number(value: Any, default: float, kind: type[int | float]) -> Any:
    try:
        return max(kind(0), kind(value))
    except (TypeError, ValueError, OverflowError):
        return kind(default)


def _patterns(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    many = isinstance(value, list | tuple | set | frozenset)
    several: tuple[Any, ...] = tuple(value) if many else (value,)
    return tuple(_of_class(one) if _is_exception(one) else str(one) for one in several)


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


@lru_cache(maxsize=64)
def _of_class(kind: type) -> str:
    """Return a pattern of an exception class and of the subclasses that there are."""
    names = sorted({re.escape(one.__name__) for one in _family(kind)})
    return rf"\A(?:{'|'.join(names)}): "


def _family(kind: type) -> Iterator[type]:
    yield kind
    below: list[type] = type.__subclasses__(kind)
    for one in below:
        yield from _family(one)
