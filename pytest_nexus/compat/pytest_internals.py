"""All uses of pytest beyond its public interface.

- `call_and_report`, `show_test_item`: a rerun must decide between the call and the tear-down of a
  test, and pytest offers no hook there; pytest-rerunfailures and flaky use the same functions.
- `failed_subtests_key`: pytest 9 counts the failed subtests of a test here, and then fails the
  test.
- `_inicfg`: native TOML numbers, see `native_number`, and names that pytest does not know.
- `determine_setup`: whether an option's value moved the rootdir, see `rootdir_of`.
- Data of an attempt in an item, a fixture and the junitxml plugin: see the functions.
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
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

failed_subtests_key: Any
try:
    from _pytest.subtests import failed_subtests_key
except ImportError:  # pytest before 9
    failed_subtests_key = None


def native_number(config: pytest.Config, name: str) -> int | float | None:
    """Return the number of an ini option in a TOML file of pytest 9; None without such a number.

    `[tool.pytest]` and `pytest.toml` keep TOML's types. pytest declares one type for each option.
    So it refuses a number for an option that accepts a text or a number.
    """
    entry = getattr(config, "_inicfg", {}).get(name)
    value = getattr(entry, "value", None)
    if getattr(entry, "mode", "ini") != "toml" or isinstance(value, bool):
        return None
    return value if isinstance(value, int | float) else None


def ini_keys(config: pytest.Config) -> list[str]:
    """Return all option names in the ini file, including names that pytest does not know."""
    kept = vars(config)  # not getattr: pytest 9 warns about access to `inicfg`
    return list(kept.get("_inicfg", kept.get("inicfg", ())))


def rootdir_of(config: pytest.Config) -> tuple[Path, Path | None] | None:
    """Return the rootdir and the ini file that pytest would find from the real paths of tests.

    Pytest finds them before plugins declare their options. So it takes values of unknown options
    for paths. Return None if a later version of pytest has another interface.
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
    """Run one phase of a test and return its report without logging the report."""
    return runner.call_and_report(item, when, log=False, **arguments)


def show_setup(item: pytest.Item) -> None:
    """Print the lines that `--setup-show` prints for a test."""
    runner.show_test_item(item, **_SHOW)


def begin(item: pytest.Item) -> bool:
    """Renew the fixture request of an item that has run; return whether the item has a request."""
    request = getattr(item, "_request", None)
    if request is False:
        item._initrequest()  # type: ignore[attr-defined]
    return request is not None


def forget_request(item: Any) -> None:
    """Release fixture values after the tear-down, as pytest does."""
    item._request = False
    item.funcargs = None


@contextmanager
def torn_down_to(session: Any, node: Any, nextitem: pytest.Item | None) -> Iterator[None]:
    """Keep the fixtures of a node and of its parents while a test is torn down.

    Hooks receive the given next test. Pytest's own record of active set-ups takes the node as the
    next one. A session that is about to stop keeps nothing (pytest#11706).

    Args:
        session: the session of the test.
        node: the session, or the parent of the test.
        nextitem: the next item for the hooks if the node is to be kept.
    """
    state = session._setupstate
    around = vars(state).get("teardown_exact")
    tear_down = state.teardown_exact

    def tear_down_to(given: Any) -> None:
        is_kept = given is nextitem and not (session.shouldstop or session.shouldfail)
        tear_down(node if is_kept else given)

    state.teardown_exact = tear_down_to
    try:
        yield
    finally:
        if around is None:
            del state.teardown_exact
        else:
            state.teardown_exact = around


def tear_down_further(item: Any, nextitem: pytest.Item | None) -> pytest.TestReport | None:
    """Tear down the fixtures that a test's tear-down kept and the next test does not need.

    Return the report of an error; None without an error. No hook is called again.
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
    """Remove the traces of the last attempt from an item, so that another attempt can start.

    A method gets a new instance of its class. Captured output, the properties that the attempt
    recorded, and exceptions that unittest collected are removed. Earlier properties stay.

    Args:
        item: an item that has run.
        n_properties: the number of user properties before the attempt.
    """
    if getattr(item, "cls", None) is not None and hasattr(item, "_getobj"):
        item.__dict__.pop("_instance", None)
        item.__dict__.pop("_obj", None)
        with suppress(Exception):  # the set-up raises it again, and reports it
            _ = item.instance  # unittest's tear-down deletes it, even if no set-up created it
    item.__dict__.pop("_excinfo", None)
    del item._report_sections[:]
    del item.user_properties[n_properties:]
    take_failed_subtests(item)
    for definition in _fixtures(item):
        cached = definition.cached_result
        if cached is not None and cached[2] is not None:
            _undo(definition)


def hidden_contents(fields: dict[str, Any]) -> Iterator[Any]:
    """Yield the dicts inside an item: keywords, stash, parameters, doctest globals.

    Args:
        fields: the attributes of the item.
    """
    for name, inner in _HIDDEN:
        owner = fields.get(name)
        if owner is not None:
            found = getattr(owner, inner, None)
            if type(found) is dict:
                yield found


def take_failed_subtests(item: Any) -> int:
    """Return the number of failed subtests of an item, and reset it."""
    if failed_subtests_key is None:
        return 0
    counts = item.config.stash.get(failed_subtests_key, {})
    return sum(counts.pop(key, 0) for key in {getattr(item, "id", item.nodeid), item.nodeid})


@dataclass(slots=True)
class LeftOut:
    """The parts of the JUnit file that are left out for a repeated attempt."""

    nodes: list[Element] = field(default_factory=list)
    """XML elements of the attempt's subtests."""
    n_passed: int = 0
    """Number of its passed subtests."""
    seconds: float = 0.0
    """Duration of its reports that are never logged again."""


@contextmanager
def without_testcase(
    config: pytest.Config, report: pytest.TestReport, n_passed: int, left_out: LeftOut
) -> Iterator[None]:
    """Leave a test case out of the JUnit file while a report of the test is logged.

    Args:
        config: of the session.
        report: a report of an attempt that is repeated.
        n_passed: the number of its subtests that were reported as passed.
        left_out: receives the parts that are left out.
    """
    xml = config.stash.get(xml_key, None)
    if xml is None:
        yield
        return
    case = xml.node_reporter(report)
    nodes = list(case.nodes)  # closing the case removes them
    left_out.nodes += nodes
    left_out.n_passed += n_passed
    left_out.seconds += case.duration
    yield
    if xml.node_reporters.get(_case_key(report)) is case:
        del xml.node_reporters[_case_key(report)]
    xml.node_reporters_ordered.remove(case)
    _count(xml, left_out=LeftOut(nodes, n_passed), sign=-1)


def give_back(config: pytest.Config, report: pytest.TestReport, left_out: LeftOut) -> None:
    """Restore the left-out parts of the JUnit file if an attempt is not repeated after all."""
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


def add_to_testsuite(config: pytest.Config, name: str, value: str) -> None:
    """Add a property to the test suite of the JUnit file."""
    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.add_global_property(name, value)


def show_selected(config: pytest.Config, nodeids: Collection[str], sentence: str) -> None:
    """Count tests as deselected no more in the summary, because they run after all, and say so."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    stats = getattr(terminal, "stats", None)
    if not isinstance(stats, dict) or "deselected" not in stats:
        return
    if terminal.verbosity >= 0:
        terminal.ensure_newline()
        terminal.write_line(sentence)
    elif terminal._tw.width_of_current_line:  # with -q, after the last percentage
        terminal._tw.line()
    selected = frozenset(nodeids)
    left = [each for each in stats["deselected"] if getattr(each, "nodeid", "") not in selected]
    if left:
        stats["deselected"] = left
    else:
        del stats["deselected"]


def show_failure(terminal: Any, report: Any) -> None:
    """Print a failure and its captured output, as pytest does in the style of `--tb`."""
    if terminal.config.option.tbstyle == "line":
        terminal.write_line(terminal._getcrashline(report))
    else:
        terminal._outrep_summary(report)


def fitting(terminal: Any, message: str) -> str:
    """Return the part of a message that fits on the current line; all of it on a CI."""
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
    """Run the finalizers of a failed fixture, and forget the failure."""
    definition.cached_result = None
    while definition._finalizers:
        with suppress(Exception):  # its set-up failed, was reported, and is repeated
            definition._finalizers.pop()()


def _fixtures(item: Any) -> Iterator[Any]:
    """Yield the fixtures that an item requests, including requests while it ran."""
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


def requested_fixtures(item: pytest.Item) -> dict[str, Any]:
    """Return the definitions of the fixtures that a test requested so far, by name."""
    request = getattr(item, "_request", None)
    return dict(getattr(request, "_fixture_defs", {}))


def fixtures_of_request(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the definitions of the fixtures that the test of a request requested so far."""
    return dict(getattr(request, "_fixture_defs", {}))


def changed_options(config: pytest.Config) -> dict[str, Any]:
    """Return the options of the command line that differ from their defaults, by name."""
    parser = getattr(getattr(config, "_parser", None), "optparser", None)
    values = vars(config.option)
    if parser is None:
        return dict(values)
    return {name: one for name, one in values.items() if one != parser.get_default(name)}


def ini_values(config: pytest.Config) -> dict[str, Any]:
    """Return what the ini file says, by name, before any conversion."""
    kept = vars(config)
    found = kept.get("_inicfg", kept.get("inicfg", {}))
    return {name: getattr(value, "value", value) for name, value in found.items()}
