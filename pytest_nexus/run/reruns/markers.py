"""Read the marker `flaky` as pytest-rerunfailures reads it."""

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
"""pytest's words between an exception and the one that was raised `from` it."""


class Raised(NamedTuple):
    """The exceptions of a failed phase, each as `Exception: message`."""

    texts: tuple[str, ...]
    """The exception first, then the exceptions in its chain (`__cause__`, `__context__`)."""
    n_causes: int = 0
    """How many exceptions of the chain are linked by `raise ... from ...` without a break."""


class RerunRule(NamedTuple):
    """The rerun settings in the marker of a test."""

    reruns: int
    delay_s: float
    only: tuple[str, ...] = ()
    """Patterns of `Exception: message`; a failure that matches none is not repeated."""
    excepted: tuple[str, ...] = ()
    """Patterns of failures that are not repeated."""
    backoff: float = 1.0
    """Factor between each delay and the delay before it."""
    obstacle: str = ""
    """Why the test is never repeated, whatever its marker says; empty if it may be repeated."""

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

        The patterns in `only` are searched in the whole chain of exceptions.
        """
        if self.only and not _matches(self.only, raised.texts):
            return False
        return not self.forbids(raised)

    def forbids(self, raised: Raised) -> bool:
        """Return whether `excepted` matches the failure or one of its explicit causes."""
        return _matches(self.excepted, raised.texts[: 1 + raised.n_causes])


def rerun_rule(item: pytest.Item) -> RerunRule | None:
    """Return the rule in an item's marker `flaky`, or the obstacle to reruns; None if neither.

    A marker `flaky` with the arguments of another plugin is ignored. A value that is not a number
    counts as the default.
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
    """Return the texts that the patterns are matched against, taken from a report.

    With `--tb=native`, a report contains only the last exception.
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
    """Return the message of a chained exception; one that was never raised has no place."""
    if place is not None:
        return str(place.message)
    return "".join(str(traceback).strip().splitlines()[-1:])


def _named(message: str, exception: str = "") -> str:
    """Return a message that begins with its exception's bare name, which pytest may leave out.

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
    except re.error:  # an invalid pattern is matched as plain text
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
    """Return a pattern that matches an exception class and its existing subclasses."""
    names = sorted({re.escape(one.__name__) for one in _family(kind)})
    return rf"\A(?:{'|'.join(names)}): "


def _family(kind: type) -> Iterator[type]:
    yield kind
    below: list[type] = type.__subclasses__(kind)
    for one in below:
        yield from _family(one)
