"""Read the value of `nexus_select`: `off`, or parts that are joined by commas."""

from __future__ import annotations

from typing import Final, NamedTuple

from pytest_nexus.plan.selection.max_age import MaxAge

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Budget(NamedTuple):
    """How much time the tests of a run may take."""

    amount: float
    """Seconds; or a share of the expected seconds of all tests, from 0 to 1."""
    is_share: bool

    def seconds_of(self, total_s: float) -> float:
        """Return the seconds of the budget, given the expected seconds of all tests."""
        return self.amount * total_s if self.is_share else self.amount


class Mode(NamedTuple):
    """Which tests a session is to leave out."""

    affected: bool = False
    """Whether to leave out the tests that passed with the same code and data."""
    confidence: float | None = None
    """Share of the failing runs that are to be caught, in (0, 1); None without such a promise."""
    budget: Budget | None = None

    @property
    def predicts(self) -> bool:
        """Whether tests are left out because they are unlikely to fail."""
        return self.confidence is not None or self.budget is not None

    @property
    def words(self) -> str:
        """The parts that predict, as a user writes them: `confidence:99%,budget:5m`."""
        parts = []
        if self.confidence is not None:
            parts.append(f"confidence:{100 * self.confidence:.6g}%")
        if self.budget is not None:
            parts.append(f"budget:{_amount(self.budget)}")
        return ",".join(parts)


class Asked(NamedTuple):
    """The user's choices about which tests run."""

    mode: Mode
    always: tuple[str, ...] = ()
    """Paths, globs and node ids of tests that always run; see `plan.selection.always_run`."""
    max_age: MaxAge = MaxAge()
    is_shadow: bool = False
    """Whether all tests run, and nexus only records what would be left out."""


def parse_mode(text: str) -> Mode:
    """Return the mode that a text describes.

    >>> parse_mode("affected, confidence:99.5%").confidence
    0.995
    >>> parse_mode("budget:30%").budget
    Budget(amount=0.3, is_share=True)

    Raises:
        ValueError: the text is not a value of `nexus_select`; options refuse such a text.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == ["off"]:
        return Mode()
    mode = Mode()
    for part in parts:
        name, _, value = part.partition(":")
        if name == "affected" and not value and not mode.affected:
            mode = mode._replace(affected=True)
        elif name == "confidence" and mode.confidence is None:
            mode = mode._replace(confidence=_share(value))
        elif name == "budget" and mode.budget is None:
            mode = mode._replace(budget=_budget(value))
        else:
            raise ValueError(f"{part!r} is not a part of a selection, or is given twice")
    return mode


def _budget(text: str) -> Budget:
    if text.endswith("%"):
        return Budget(_share(text), is_share=True)
    return Budget(float(text[:-1]) * _SECONDS[text[-1]], is_share=False)


def _share(text: str) -> float:
    if not text.endswith("%"):
        raise ValueError(f"{text!r} is not a share such as 99%")
    return round(float(text[:-1]) / 100, 12)


def _amount(budget: Budget) -> str:
    if budget.is_share:
        return f"{100 * budget.amount:.6g}%"
    unit = next((u for u in "hm" if budget.amount and not budget.amount % _SECONDS[u]), "s")
    return f"{budget.amount / _SECONDS[unit]:.10g}{unit}"
