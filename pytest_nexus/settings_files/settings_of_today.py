"""Read the settings of today from the files of a project, as far as they can be simulated."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.records import MAX_SHARDS
from pytest_nexus.errors import OptionError
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.plan.tuning.rounds import AUTO, SeenRuns, Setting
from pytest_nexus.plan.tuning.tunables import read_time, with_value
from pytest_nexus.project import ini_value
from pytest_nexus.settings_files.settings_changes import (
    FileChange,
    changed_settings,
    changed_workflow,
    read_exactly,
    settings_path,
    workflow_of,
)
from pytest_nexus.settings_files.workflow_text import inputs_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.plan.tuning.proposals import Proposal

_INI: tuple[tuple[str, str], ...] = (
    ("select", "nexus_select"), ("reruns", "nexus_reruns"), ("rerun_budget", "nexus_rerun_budget")
)  # fmt: skip
_DEFAULTS = Setting()
_OPTIONS = {each.name: each for each in OPTIONS}
_MAX_WORKERS = 256
_SEEN = "seen in the runs"
_DEFAULT = "default"
_LEARNED = "learned"

AUTO_VALUE = "auto"
_LEFT_TO_NEXUS = {"shards": AUTO_VALUE, "target": AUTO_VALUE}
"""What the workflow means by inputs that its caller leaves out."""


class Today(NamedTuple):
    """The settings of today, and the files that hold them."""

    setting: Setting
    sources: Mapping[str, str]
    """Where each value was found, by name of the setting."""
    settings: Path
    """The file with pytest's settings; it may not exist yet."""
    settings_text: str | None
    workflow: Path | None
    """The one workflow that calls nexus; None if none or several do."""
    workflow_text: str = ""

    def place_of(self, name: str) -> str:
        """Return where a value has to be set so that it counts: `pytest.ini` or `workflow`."""
        if name in {"shards", "target", "workers"}:
            return "workflow"
        is_in_workflow = name == "select" and self.sources.get(name) == "workflow"
        return "workflow" if is_in_workflow else "pytest.ini"

    def changes(self, proposals: Iterable[Proposal]) -> tuple[list[FileChange], list[str]]:
        """Return the changes of files, and a line for each value that a person has to set.

        Raises:
            OptionError: a file has a form in which nexus changes nothing.
        """
        ini, workflow, by_hand = self.settings_text, self.workflow_text, []
        for each in proposals:
            if each.place == "pytest.ini":
                ini = changed_settings(self.settings, ini, f"nexus_{each.setting}", each.proposed)
            elif self.workflow is not None:
                workflow = changed_workflow(self.workflow, workflow, each.setting, each.proposed)
            else:
                by_hand.append(f"{each.setting}: {each.proposed}")
        found = []
        if ini is not None and ini != self.settings_text:
            found.append(FileChange(self.settings, self.settings_text, ini))
        if self.workflow is not None and workflow != self.workflow_text:
            found.append(FileChange(self.workflow, self.workflow_text, workflow))
        return found, by_hand


def settings_of_today(
    root: Path, seen: SeenRuns, learned: Mapping[str, str] = MappingProxyType({})
) -> Today:
    """Return the settings of a project: from its files, else as its runs show them.

    Args:
        root: folder of the project.
        seen: what its runs show.
        learned: values in force of settings that are `auto`, by name.

    Raises:
        OptionError: pytest's settings file cannot be read.
    """
    setting, sources = _DEFAULTS, dict.fromkeys(_DEFAULTS._fields, _DEFAULT)
    path = settings_path(root)
    try:
        text = read_exactly(path)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError("NX151", f"Couldn't read {str(path)!r}: {error}") from error
    for name, key in _INI:
        value = (ini_value(key, root) or "").strip()
        found_in = path.name
        if value == AUTO_VALUE:
            value, found_in = learned.get(name, ""), _LEARNED
        if value:
            option = _OPTIONS[key]
            if option.parsed(value) is None:
                raise OptionError("NX101", f"{key} must be {option.allowed}, got {value!r}")
            setting = with_value(name, value, setting)
            sources[name] = found_in
    setting = setting._replace(shards=seen.jobs, workers=seen.workers)
    sources |= {"shards": _SEEN, "workers": _SEEN}
    workflow = workflow_of(root)
    if workflow is None:
        return Today(setting, sources, path, text, None)
    inputs = _LEFT_TO_NEXUS | (inputs_in(read_exactly(workflow) or "") or {})
    used = {name: learned[name] for name, value in inputs.items()
            if value == AUTO_VALUE and name in learned}  # fmt: skip
    setting, given = _with_inputs(setting, inputs | used, seen)
    sources |= dict.fromkeys(given, "workflow")
    sources |= {name: _LEARNED for name in given if name.removesuffix("_s") in used}
    return Today(setting, sources, path, text, workflow, read_exactly(workflow) or "")


def _with_inputs(
    setting: Setting, inputs: Mapping[str, str], seen: SeenRuns
) -> tuple[Setting, list[str]]:
    """Return the settings with the inputs of a workflow, and the names of those that it gives."""
    given = ["shards"]
    shards, workers = inputs["shards"], inputs.get("workers", "")
    if shards == "auto":
        setting = setting._replace(shards=AUTO)
        given.append("target_s")
    elif number := _number(shards, MAX_SHARDS):
        setting = setting._replace(shards=number)
    if target := read_time(inputs["target"]):
        setting = setting._replace(target_s=target)
    if most := _number(inputs.get("max-shards", "10"), MAX_SHARDS):
        setting = setting._replace(max_shards=most)
    if workers == "auto":
        setting = setting._replace(workers=seen.cores or seen.workers)
        given.append("workers")
    elif number := _number(workers, _MAX_WORKERS):
        setting = setting._replace(workers=number)
        given.append("workers")
    select = inputs.get("select", "")
    if select and select != AUTO_VALUE and _OPTIONS["nexus_select"].parsed(select):
        setting = setting._replace(select=select)
        given.append("select")
    return setting, given


def _number(text: str, most: int) -> int:
    """Return the number in an input; 0 if it is no number from 1 to a limit."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return int(text) if is_number and int(text) <= most else 0
