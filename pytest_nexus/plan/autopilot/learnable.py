"""The settings that may be learned, and which value counts for a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.plan.autopilot.arms import tries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.autopilot.setting_records import Experiment, SettingVersion

AUTO: Final = "auto"
"""The word that leaves a setting to nexus."""


class Learnable(NamedTuple):
    """A setting that nexus may learn where a person wrote `auto`."""

    name: str
    place: Literal["pytest.ini", "workflow"]
    default: str
    """What `auto` means as long as nothing is learned."""
    pattern: str
    """A regular expression for the whole value."""

    def allows(self, value: str) -> bool:
        """Return whether a value can be learned. `auto` itself is no value."""
        return value != AUTO and re.fullmatch(self.pattern, value, re.ASCII) is not None


_NUMBER: Final = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_SMALL: Final = r"[1-9][0-9]{0,2}"
_SHARE: Final = r"(?:100|[0-9]{1,2}(?:\.[0-9]{1,4})?)%"
_PART: Final = (
    rf"(?:affected|confidence:[5-9][0-9](?:\.[0-9]{{1,4}})?%|budget:(?:{_NUMBER}[smh]|{_SHARE}))"
)

LEARNABLE: Final = {
    each.name: each
    for each in (
        Learnable("shards", "workflow", AUTO, _SMALL),
        Learnable("target", "workflow", "5m", rf"{_NUMBER}[smh]?"),
        Learnable("workers", "workflow", AUTO, _SMALL),
        Learnable("select", "pytest.ini", "off", rf"off|{_PART}(?:,{_PART}){{0,2}}"),
        Learnable("reruns", "pytest.ini", "adaptive", r"adaptive|[0-9]{1,3}"),
        Learnable("rerun_delay", "pytest.ini", "adaptive", rf"adaptive|{_NUMBER}s?"),
        Learnable("rerun_budget", "pytest.ini", "5%", rf"{_NUMBER}[%s]?"),
    )
}
"""By name. The name of an option of pytest is `nexus_` and the name of the setting."""


def in_force(setting: str, versions: Sequence[SettingVersion]) -> SettingVersion | None:
    """Return the adopted version of a setting; None if its default is in force.

    Args:
        setting: the name.
        versions: of all settings, oldest first.
    """
    found = [each for each in versions if each.setting == setting and each.status == "adopted"]
    return found[-1] if found else None


def learned_value(
    setting: str,
    versions: Sequence[SettingVersion],
    experiment: Experiment | None,
    run_id: str | None,
) -> str | None:
    """Return what `auto` means for a run; None for the default of the setting.

    Args:
        setting: the name.
        versions: of all settings, oldest first.
        experiment: the open experiment; None if there is none.
        run_id: of the run on the CI; None outside a CI, where no value is tried.
    """
    if setting not in LEARNABLE:
        return None
    adopted = in_force(setting, versions)
    value = None if adopted is None else adopted.value
    if experiment is not None and experiment.setting == setting and run_id is not None:
        value = experiment.value if tries(run_id, experiment) else experiment.before
    return value if value is not None and LEARNABLE[setting].allows(value) else None
