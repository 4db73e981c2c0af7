"""How much longer or shorter a call takes here than elsewhere: by environment and workers."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median
from pytest_nexus.history.state.fold import (
    NO_SETTING,
    SETTING_BYTES,
    WINDOW,
    calls_of,
    median_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_SAMPLE: Final = 200
"""Tests that are looked at: they share the pace of an environment."""

_LEAST_SAMPLE: Final = 10
_LEAST_CALL_S: Final = 1e-3
"""Shorter calls are mostly noise, and do not matter to a sum."""

_ENOUGH: Final = 3
"""Calls of a test in one setting whose median says more than the pace of all tests."""

_LEAST_GAIN: Final = 0.05
"""By how much of its error the plain median must be beaten."""

_PLACES: Final = range(0, WINDOW * SETTING_BYTES, SETTING_BYTES)

Window = tuple[tuple[float, ...], tuple[bytes, ...]]
"""The last calls of a test in seconds, and the setting of each."""


class EnvironmentSpeeds(NamedTuple):
    """The pace of each setting: its calls by the median over all settings, median over tests."""

    ratios: Mapping[bytes, float]

    def expected(self, window: Window, setting: bytes) -> float:
        """Return the seconds that a call of a test takes in a setting.

        The median of its own calls there, where there are enough, else the pace of the setting
        times the median of all.
        """
        calls, settings = window
        own = [call for call, each in zip(calls, settings, strict=True) if each == setting]
        if len(own) >= _ENOUGH:
            return lower_median(own)
        return lower_median(calls) * self.ratios.get(setting, 1.0)


class CurrentEnvironment(NamedTuple):
    """The setting of a session, where its paces are worth regarding."""

    paces: EnvironmentSpeeds
    setting: bytes

    def pace(self, durations: bytes, settings: bytes) -> float:
        """Return what the plain median of a test is multiplied with."""
        calls = calls_of(durations)
        is_here = settings.startswith
        own = [call for call, at in zip(calls, _PLACES, strict=True) if is_here(self.setting, at)]
        if len(own) < _ENOUGH:
            return self.paces.ratios[self.setting]
        usual = median_of(calls)
        return lower_median(own) / usual if usual > 0 else 1.0


def sampled(states: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return durations and settings of some of the tests that ran in several settings."""
    several = [
        (durations, settings)
        for durations, settings in states
        if settings[:-SETTING_BYTES] != settings[SETTING_BYTES:]
    ]
    return several[:: max(1, len(several) // MAX_SAMPLE)]


def here(states: Iterable[tuple[bytes, bytes]], setting: bytes) -> CurrentEnvironment | None:
    """Return how a setting differs; None where the plain median is as good, or nothing is known.

    Which is better is tried on the windows themselves: each call is predicted from the others of
    its test. Both in this setting and over all the paces must be better by 5 % of the error.

    Args:
        states: durations and settings of some tests.
        setting: in which they are going to run.
    """
    windows = [window for each in states if _tells(window := window_of(*each))]
    if len(windows) < _LEAST_SAMPLE:
        return None
    paces = fitted(windows)
    if setting not in paces.ratios:
        return None
    errors = [_errors(window, paces) for window in windows]
    everywhere = [pair for each in errors for _, *pair in each]
    own = [pair for each in errors for at, *pair in each if at == setting]
    is_better = all(_is_better(*zip(*pairs, strict=True)) for pairs in (everywhere, own))
    return CurrentEnvironment(paces, setting) if is_better else None


def fitted(windows: Iterable[Window]) -> EnvironmentSpeeds:
    """Return the paces that some windows show."""
    logs: dict[bytes, list[float]] = {}
    for calls, settings in windows:
        usual = lower_median(calls)
        for call, setting in zip(calls, settings, strict=True):
            if call > 0:
                logs.setdefault(setting, []).append(log(call / usual))
    return EnvironmentSpeeds({setting: exp(lower_median(each)) for setting, each in logs.items()})


def window_of(durations: bytes, settings: bytes) -> Window:
    """Return the calls whose setting is known, with their settings."""
    tags = [settings[at : at + SETTING_BYTES] for at in range(0, len(settings), SETTING_BYTES)]
    tags = tags or [NO_SETTING] * WINDOW
    known = [
        (call, tag)
        for call, tag in zip(calls_of(durations), tags, strict=True)
        if call >= 0 and tag != NO_SETTING
    ]
    return tuple(call for call, _ in known), tuple(tag for _, tag in known)


def _tells(window: Window) -> bool:
    calls, settings = window
    return len(set(settings)) > 1 and lower_median(calls) >= _LEAST_CALL_S


def _errors(window: Window, paces: EnvironmentSpeeds) -> list[tuple[bytes, float, float]]:
    """Return for each call its setting, the error of the plain median, and that with paces.

    Errors are of the logarithm: twice as long is as wrong as half as long.
    """
    calls, settings = window
    found = []
    for at, (call, setting) in enumerate(zip(calls, settings, strict=True)):
        rest = (calls[:at] + calls[at + 1 :], settings[:at] + settings[at + 1 :])
        usual = lower_median(rest[0])
        if min(call, usual) > 0:
            paced = paces.expected(rest, setting)
            found.append((setting, abs(log(call / usual)), abs(log(call / paced))))
    return found


def _is_better(usual: Sequence[float], paced: Sequence[float]) -> bool:
    return lower_median(paced) < (1 - _LEAST_GAIN) * lower_median(usual)
