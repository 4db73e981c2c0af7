"""Reports that other plugins log, and builtin plugins that are turned off: no session breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.config import default_plugins, essential_plugins

from tests.support.messages import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

FILES = {
    "test_a.py": """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            yield 1

        def test_good(shared): pass
        def test_bad(shared): assert 0
        @pytest.mark.parametrize("n", [1, 2])
        def test_parameters(n): pass
    """
}
ODD = {
    "crash": "when='???', outcome='failed', longrepr='CRASHED with signal 11'",
    "crash that passes": "when='???', outcome='passed', longrepr=None",
    "no phase": "when=None, outcome='passed', longrepr=None",
    "phase of its own": "when='benchmark', outcome='passed', longrepr=None",
    "failure in a phase of its own": "when='benchmark', outcome='failed', longrepr='slow'",
    "outcome of its own": "when='call', outcome='flaky', longrepr=None",
    "no duration": "when='call', outcome='passed', longrepr=None, duration=None",
    "absurd duration": "when='call', outcome='passed', longrepr=None, duration=1e300",
    "negative duration": "when='call', outcome='failed', longrepr='x', duration=-5.0",
}
LOGGING = """
    import pytest

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(item):
        if item.name == "test_good":
            report = pytest.TestReport(
                nodeid=item.nodeid, location=item.location, keywords={{}}, {fields}
            )
            for name in {without!r}:
                report.__dict__.pop(name, None)
            item.ihook.pytest_runtest_logreport(report=report)
"""
MODES = {"plain": (), "workers": ("-n", "2")}


def is_as_bare(made: Project, *arguments: str) -> None:
    """Compare a session of nexus with one without: exit status, and what was reported."""
    arguments = (*arguments, "--junitxml=junit.xml")
    bare = made.run(*arguments, nexus=False)
    result = made.run(*arguments, "--nexus-reruns=0")
    repeating = made.run(*arguments, "--nexus-reruns=1", "--nexus-rerun-delay=0")
    for one in (result, repeating):
        said = one.stdout + one.stderr
        assert one.exit_status == bare.exit_status, said
        assert messages(said, "NX222", "NX251") == []
        if "Traceback" not in bare.stdout + bare.stderr:
            assert "Traceback" not in said
            assert "INTERNALERROR" not in said
    if bare.exit_status < 2:  # pytest and xdist themselves cannot take some of them
        assert sorted(result.reports, key=str) == sorted(bare.reports, key=str)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ODD)
def test_report_of_another_plugin(project: Callable[..., Project], kind: str, mode: str) -> None:
    conftest = LOGGING.format(fields=ODD[kind], without=())
    is_as_bare(project({**FILES, "conftest.py": conftest}), *MODES[mode])


@pytest.mark.parametrize("name", ["start", "stop", "duration", "sections", "user_properties"])
def test_report_without_a_field(project: Callable[..., Project], name: str) -> None:
    conftest = LOGGING.format(fields=ODD["crash"], without=(name,))
    is_as_bare(project({**FILES, "conftest.py": conftest}), "-p", "no:terminal")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(set(default_plugins) - set(essential_plugins)))
def test_session_without_a_builtin_plugin(
    project: Callable[..., Project], name: str, mode: str
) -> None:
    made = project(FILES)
    arguments = ("-p", f"no:{name}", *MODES[mode])
    bare = made.run(*arguments, nexus=False)
    for more in (("--nexus-reruns=1", "--nexus-rerun-delay=0"), ("--nexus-explain",)):
        result = made.run(*arguments, *more)
        said = result.stdout + result.stderr
        assert result.exit_status == bare.exit_status, said
        assert messages(said, "NX222", "NX251") == []
        if bare.exit_status < 2:
            ends = {(one.nodeid, one.when, one.outcome) for one in result.reports}
            wanted = {(one.nodeid, one.when, one.outcome) for one in bare.reports}
            assert {one for one in ends if one[2] != "rerun"} == wanted


def test_session_without_several_builtin_plugins(project: Callable[..., Project]) -> None:
    names = ("setuponly", "setupplan", "cacheprovider", "junitxml", "skipping", "logging")
    made = project(FILES)
    result = made.run(*(part for name in names for part in ("-p", f"no:{name}")))
    assert result.exit_status == 1
    assert messages(result.stdout, "NX222", "NX251") == []
