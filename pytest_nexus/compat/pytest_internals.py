"""What is used of pytest beyond its public interface, in one place.

- `call_and_report`, `show_test_item`: a rerun must decide between the call and the tear-down of a
  test, and pytest offers no hook there; pytest-rerunfailures and flaky use the same functions.
- `failed_subtests_key`: where pytest 9 counts the failed subtests of a test, which it then fails.
- `_inicfg`: numbers in native TOML, see `native_number`, and names that pytest does not know.
- `determine_setup`: whether an option's value moved the rootdir, see `rootdir_of`.
- what an item, a fixture and the junitxml plugin keep of an attempt, see the functions.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from _pytest import runner
from _pytest.config import findpaths
from _pytest.junitxml import xml_key

from pytest_nexus.domain.system import originals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

failed_subtests_key: Any
try:
    from _pytest.subtests import failed_subtests_key
except ImportError:  # pytest before 9
    failed_subtests_key = None


def native_number(config: pytest.Config, name: str) -> int | float | None:
    """Return the number that an ini option has in a TOML file of pytest 9; None where it has none.

    `[tool.pytest]` and `pytest.toml` keep TOML's types. pytest declares one type for each option,
    and refuses a number for an option that is a text or a number.
    """
    entry = getattr(config, "_inicfg", {}).get(name)
    value = getattr(entry, "value", None)
    if getattr(entry, "mode", "ini") != "toml" or isinstance(value, bool):
        return None
    return value if isinstance(value, int | float) else None


def ini_keys(config: pytest.Config) -> list[str]:
    """Return the names of the options in the ini file, those that pytest does not know too."""
    kept = vars(config)  # not by getattr: pytest 9 warns where `inicfg` is asked for
    return list(kept.get("_inicfg", kept.get("inicfg", ())))


def rootdir_of(config: pytest.Config) -> tuple[Path, Path | None] | None:
    """Return the rootdir and the ini file that pytest finds from the true paths of tests.

    It finds them before plugins declare their options, and takes values of unknown options for
    paths. None where a later version of pytest is asked otherwise.
    """
    given: Any = config.option
    arguments = {
        "inifile": given.inifilename,
        "override_ini": given.override_ini,
        "args": given.file_or_dir,
        "rootdir_cmd_arg": given.rootdir or None,
        "invocation_dir": config.invocation_params.dir,
    }
    try:
        asked = signature(findpaths.determine_setup).parameters
        found = findpaths.determine_setup(**{name: arguments[name] for name in asked})
    except (TypeError, KeyError, AttributeError, OSError, pytest.UsageError):
        return None
    return found[0], found[1]


def run_phase(
    item: pytest.Item, when: Literal["setup", "call", "teardown"], **arguments: Any
) -> pytest.TestReport:
    """Run one phase of a test and return its report, which is not logged."""
    return runner.call_and_report(item, when, log=False, **arguments)


def show_setup(item: pytest.Item) -> None:
    """Print what `--setup-show` prints of a test."""
    runner.show_test_item(item, **_SHOW)


def begin(item: pytest.Item) -> bool:
    """Make the fixture request of an item anew where it has run; return whether it has one."""
    request = getattr(item, "_request", None)
    if request is False:
        item._initrequest()  # type: ignore[attr-defined]
    return request is not None


def forget_request(item: Any) -> None:
    """Let go of fixture values after the tear-down, as pytest does."""
    item._request = False
    item.funcargs = None


@contextmanager
def torn_down_to(session: Any, node: Any, nextitem: pytest.Item | None) -> Iterator[None]:
    """Keep the fixtures of a node and of those around it when a test is torn down.

    Hooks see the next test that they are given, and pytest's own record of what is set up takes
    the node for it. A session about to stop keeps nothing (pytest#11706).

    Args:
        session: of the test.
        node: the session, or the parent of the test.
        nextitem: what hooks are given where the node is to be kept.
    """
    state = session._setupstate
    tear_down = state.teardown_exact

    def tear_down_to(given: Any) -> None:
        is_kept = given is nextitem and not (session.shouldstop or session.shouldfail)
        tear_down(node if is_kept else given)

    state.teardown_exact = tear_down_to
    try:
        yield
    finally:
        del state.teardown_exact


def tear_down_further(item: Any, nextitem: pytest.Item | None) -> pytest.TestReport | None:
    """Tear down what the tear-down of a test has kept and the next test does not need.

    Return the report of an error; None where there is none. No hook is called: it was called.
    """
    state = item.session._setupstate
    endings = (pytest.exit.Exception, KeyboardInterrupt)
    call = pytest.CallInfo.from_call(
        lambda: state.teardown_exact(nextitem), "teardown", reraise=endings
    )
    if call.excinfo is None:
        return None
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return report


def forget_attempt(item: Any, n_properties: int = 0) -> None:
    """Take from an item what its last attempt left, so that another one starts afresh.

    A method gets a new instance of its class; captured output and the properties that the attempt
    recorded go, those recorded before it stay; what unittest collected of exceptions goes.

    Args:
        item: that ran.
        n_properties: how many user properties it had before the attempt.
    """
    if getattr(item, "cls", None) is not None and hasattr(item, "_getobj"):
        item.__dict__.pop("_instance", None)
        item.__dict__.pop("_obj", None)
        with suppress(Exception):  # raises again in the set-up, where it is reported
            _ = item.instance  # unittest's tear-down deletes it, also where no set-up made it
    item.__dict__.pop("_excinfo", None)
    del item._report_sections[:]
    del item.user_properties[n_properties:]
    take_failed_subtests(item)
    for definition in _fixtures(item):
        cached = definition.cached_result
        if cached is not None and cached[2] is not None:
            _undo(definition)


def hidden_contents(fields: dict[str, Any]) -> Iterator[Any]:
    """Yield the dicts that objects of an item keep: keywords, stash, parameters, doctest globals.

    Args:
        fields: attributes of the item.
    """
    for name, inner in _HIDDEN:
        owner = fields.get(name)
        if owner is not None:
            found = getattr(owner, inner, None)
            if type(found) is dict:
                yield found


def take_failed_subtests(item: Any) -> int:
    """Return how many subtests of an item failed, and forget them."""
    if failed_subtests_key is None:
        return 0
    counts = item.config.stash.get(failed_subtests_key, {})
    return sum(counts.pop(key, 0) for key in {getattr(item, "id", item.nodeid), item.nodeid})


@dataclass(slots=True)
class LeftOut:
    """What was left out of the JUnit file of an attempt that is repeated."""

    nodes: list[Element] = field(default_factory=list)
    """Elements of its subtests."""
    n_passed: int = 0
    """Its subtests that passed."""
    seconds: float = 0.0
    """Of its reports that are never logged again."""


@contextmanager
def without_testcase(
    config: pytest.Config, report: pytest.TestReport, n_passed: int, left_out: LeftOut
) -> Iterator[None]:
    """Leave a test case out of the JUnit file while a report of it is logged.

    Args:
        config: of the session.
        report: of an attempt that is repeated.
        n_passed: subtests of it that were reported as passed.
        left_out: takes what is left out.
    """
    xml = config.stash.get(xml_key, None)
    if xml is None:
        yield
        return
    case = xml.node_reporter(report)
    nodes = list(case.nodes)  # closing the case takes them away
    left_out.nodes += nodes
    left_out.n_passed += n_passed
    left_out.seconds += case.duration
    yield
    if xml.node_reporters.get(_case_key(report)) is case:
        del xml.node_reporters[_case_key(report)]
    xml.node_reporters_ordered.remove(case)
    _count(xml, left_out=LeftOut(nodes, n_passed), sign=-1)


def give_back(config: pytest.Config, report: pytest.TestReport, left_out: LeftOut) -> None:
    """Put into the JUnit file what was left out of an attempt that is not repeated after all."""
    xml = config.stash.get(xml_key, None)
    if xml is not None:
        case = xml.node_reporter(report)
        case.nodes[:0] = left_out.nodes
        case.duration += left_out.seconds
        _count(xml, left_out, sign=1)


def _count(xml: Any, left_out: LeftOut, sign: int) -> None:
    xml.stats["passed"] += sign * left_out.n_passed
    for node in left_out.nodes:
        if node.tag in xml.stats:
            xml.stats[node.tag] += sign


def add_to_testcase(config: pytest.Config, report: pytest.TestReport, node: Element) -> None:
    """Add an element to the open test case of a report in the JUnit file."""
    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.node_reporter(report).append(node)


def show_failure(terminal: Any, report: Any) -> None:
    """Print a failure and what was captured, as pytest does in the style of `--tb`."""
    if terminal.config.option.tbstyle == "line":
        terminal.write_line(terminal._getcrashline(report))
    else:
        terminal._outrep_summary(report)


def fitting(terminal: Any, message: str) -> str:
    """Return a message as far as it fits behind what is on the line; all of it on a CI."""
    option = terminal.config.option
    if "CI" in originals.environ or "BUILD_NUMBER" in originals.environ or option.verbose > 1:
        return message
    width: int = terminal._tw.fullwidth - terminal._tw.width_of_current_line
    if len(message) <= width:
        return message
    return f"{message[: width - 3]}..." if width > len(" - ...") else ""


def _case_key(report: Any) -> tuple[Any, Any]:
    return getattr(report, "id", report.nodeid), getattr(report, "node", None)


def _undo(definition: Any) -> None:
    """Run what a fixture that failed had asked to be run at its end, and forget the failure."""
    definition.cached_result = None
    while definition._finalizers:
        with suppress(Exception):  # its set-up failed and is repeated; that was reported
            definition._finalizers.pop()()


def _fixtures(item: Any) -> Iterator[Any]:
    """Yield the fixtures that an item asks for, and those it asked for while it ran."""
    info = getattr(item, "_fixtureinfo", None)
    for definitions in info.name2fixturedefs.values() if info is not None else ():
        yield from definitions


_HIDDEN: Final = (
    ("keywords", "_markers"),
    ("stash", "_storage"),
    ("callspec", "params"),
    ("dtest", "globs"),
)

_SHOW: dict[str, Any] = (
    {"add_space": True} if "add_space" in runner.show_test_item.__annotations__ else {}
)
