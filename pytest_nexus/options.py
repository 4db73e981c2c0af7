"""Read the options of a session from the command line, the ini file and the environment.

Every session of pytest imports this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest

from pytest_nexus.domain.system import originals
from pytest_nexus.option_rows import ADAPTIVE, AUTO, LEARNED, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_nexus.domain.option import Option

Source = Literal["default", "ini", "environment", "command line"]


class Options(NamedTuple):
    """The settings of one session."""

    history: Path
    journal: Path
    ingest: bool
    order: Literal["risk", "static", "off"]
    base: str | None
    model: str
    """`auto`, or where the model is."""
    runtime: Literal["python", "onnx"]
    dependencies: bool
    select: str
    select_always: tuple[str, ...]
    select_max_age: str
    select_shadow: bool
    select_rest: Literal["after-failure", "never", "only"]
    explain: bool
    shard: str | None
    plan: Path | None
    queue: str | None
    """Address of the shared queue; it may hold a password."""
    queue_run: str | None
    queue_job: str | None
    queue_expect: int | None
    queue_patience_s: float
    queue_lease_s: float
    dist: Literal["auto", "off"]
    reruns: int | None
    """Most reruns of each test; None for adaptive reruns."""
    rerun_delay_s: float | None
    """Seconds between an attempt and its rerun; None for adaptive delays."""
    rerun_budget: str
    """The budget as given; its seconds are computed after the run is planned."""
    order_dependence: Literal["repair", "fail", "off"]
    otlp: bool
    fail_on_flaky: bool
    quarantine: Path
    sources: Mapping[str, Source]
    """The source of each value, by option name."""
    automatic: tuple[str, ...] = ()
    """Names of the options that are `auto` where values can be learned; their values here are the
    defaults."""

    @property
    def planned_order(self) -> Literal["risk", "off"]:
        """The order before the run begins."""
        return "off" if self.order == "off" else "risk"


def add_options(parser: pytest.Parser) -> None:
    """Declare every option of the table to pytest."""
    group = parser.getgroup("nexus", "nexus (test orchestration)")
    for option in OPTIONS:
        help_text = f"{option.help} (ini: {option.name}, environment: {option.variable})"
        if option.kind == "bool":
            group.addoption(
                option.flag, dest=option.name, action="store_true", default=None, help=help_text
            )
            group.addoption(
                option.off_flag,
                dest=option.name,
                action="store_false",
                default=None,
                help=f"Turn {option.flag} off",
            )
            parser.addini(option.name, option.help, type="bool", default=None)
        else:
            metavar = option.metavar or "{" + ",".join(option.choices) + "}"
            group.addoption(option.flag, dest=option.name, metavar=metavar, help=help_text)
            kind: Any = "linelist" if option.kind == "list" else None
            parser.addini(option.name, option.help, type=kind, default=None)


def flags() -> frozenset[str]:
    """Return all options of the command line."""
    off = (option.off_flag for option in OPTIONS if option.kind == "bool")
    return frozenset([*(option.flag for option in OPTIONS), *off])


def is_enabled(config: pytest.Config) -> bool:
    """Return whether this session enables nexus.

    Raises:
        pytest.UsageError: the value of `nexus` is not a boolean.
    """
    return bool(_resolve(OPTIONS[0], config)[0])


def is_tracking(early_config: pytest.Config) -> bool:
    """Return whether this session tracks dependencies, before its first conftest is imported.

    Raises:
        pytest.UsageError: the value of `nexus` or `nexus_dependencies` is not a boolean.
    """
    for name in ("nexus", "nexus_dependencies"):
        option = next(one for one in OPTIONS if one.name == name)
        asked = getattr(early_config.known_args_namespace, name, None)
        if not (_resolve(option, early_config)[0] if asked is None else asked):
            return False
    return True


def read_options(config: pytest.Config) -> Options:
    """Return the validated settings; called once, before collection.

    Raises:
        pytest.UsageError: a value is not allowed; the message names the option, rule and value.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for option in OPTIONS:
        values[option.name], sources[option.name] = _resolve(option, config)
    automatic = tuple(name for name in LEARNED if values[name] == AUTO)
    values |= {option.name: option.default for option in OPTIONS if option.name in automatic}
    return Options(
        history=config.rootpath / values["nexus_history"],
        journal=config.rootpath / values["nexus_journal"],
        ingest=values["nexus_ingest"],
        order=values["nexus_order"],
        base=values["nexus_base"],
        model=values["nexus_model"],
        runtime=values["nexus_runtime"],
        dependencies=values["nexus_dependencies"],
        select=values["nexus_select"],
        select_always=tuple(values["nexus_select_always"].split("\n")),
        select_max_age=values["nexus_select_max_age"],
        select_shadow=values["nexus_select_shadow"],
        select_rest=values["nexus_select_rest"],
        explain=values["nexus_explain"],
        shard=values["nexus_shard"],
        plan=_plan_path(config, values["nexus_plan"], sources["nexus_plan"]),
        queue=values["nexus_queue"],
        queue_run=values["nexus_queue_run"],
        queue_job=values["nexus_queue_job"],
        queue_expect=_number(values["nexus_queue_expect"]),
        queue_patience_s=float(values["nexus_queue_patience"].removesuffix("s")),
        queue_lease_s=max(float(values["nexus_queue_lease"].removesuffix("s")), 1.0),
        dist=values["nexus_dist"],
        reruns=_reruns(values["nexus_reruns"]),
        rerun_delay_s=_seconds(values["nexus_rerun_delay"]),
        rerun_budget=values["nexus_rerun_budget"],
        order_dependence=values["nexus_order_dependence"],
        otlp=values["nexus_otlp"],
        fail_on_flaky=values["nexus_fail_on_flaky"],
        quarantine=config.rootpath / values["nexus_quarantine"],
        sources=sources,
        automatic=automatic,
    )


def with_values(options: Options, values: Mapping[str, str]) -> Options:
    """Return the settings with other values of some options in `LEARNED`, by option name."""
    read: dict[str, Callable[[str], Any]] = {
        "nexus_select": str,
        "nexus_reruns": _reruns,
        "nexus_rerun_delay": _seconds,
        "nexus_rerun_budget": str,
    }
    fields = {"nexus_rerun_delay": "rerun_delay_s"}
    return options._replace(**{
        fields.get(name, name.removeprefix("nexus_")): read[name](value)
        for name, value in values.items()
    })  # fmt: skip


def _plan_path(config: pytest.Config, name: str | None, source: Source) -> Path | None:
    """Return the path of the plan file. A relative path starts at the working directory.

    It does not start at the rootdir: pytest takes a value like `../plan.json` for a path of tests,
    and may therefore find a rootdir above the suite. `nexus plan` does the same.
    """
    if name is None:
        return None
    return (config.rootpath if source == "ini" else config.invocation_params.dir) / name


def _resolve(option: Option, config: pytest.Config) -> tuple[Any, Source]:
    for raw, source in _given(option, config):
        if raw is not None:
            return _validated(option, raw, source), source
    return option.default, "default"


def _given(option: Option, config: pytest.Config) -> Iterator[tuple[object, Source]]:
    yield config.getoption(option.name, None), "command line"
    value = originals.environ.get(option.variable)
    yield (value or None) if option.may_be_secret else value, "environment"
    try:
        yield config.getini(option.name), "ini"
    except (ValueError, TypeError, pytest.UsageError) as exc:
        number = _native_number(option, config)
        if number is None:
            # pytest's own conversion of a boolean, or of a native TOML value, names no option.
            raise _usage_error(option, "ini", str(exc)) from exc
        yield number, "ini"


def _native_number(option: Option, config: pytest.Config) -> str | None:
    """Return a native TOML number as text, if the option accepts numbers."""
    if not option.pattern:
        return None
    from pytest_nexus.compat.pytest_internals import native_number  # noqa: PLC0415 - where TOML has a number

    number = native_number(config, option.name)
    return None if number is None else str(number)


def _validated(option: Option, raw: object, source: Source) -> bool | str:
    value = option.parsed(raw)
    if value is None:
        raise _usage_error(option, source, f"got {raw!r}")
    return value


def _reruns(text: str) -> int | None:
    return None if text == ADAPTIVE else int(text)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _seconds(text: str) -> float | None:
    return None if text == ADAPTIVE else float(text.removesuffix("s"))


def _usage_error(option: Option, source: Source, given: str) -> pytest.UsageError:
    from pytest_nexus.domain.safe_text import shown  # noqa: PLC0415 - not enabled costs nothing
    from pytest_nexus.errors import with_code  # noqa: PLC0415 - likewise

    names: dict[Source, str] = {
        "command line": option.flag,
        "environment": f"environment variable {option.variable}",
        "ini": f"ini option {option.name}",
    }
    return pytest.UsageError(
        with_code("NX101", shown(f"{names[source]} must be {option.allowed}, {given}"))
    )
