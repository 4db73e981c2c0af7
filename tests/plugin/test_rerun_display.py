"""What a reader sees of repeated tests: progress lines, the short summary, tracebacks, colours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.flakes import ONCE
from tests.support.messages import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

AT_ONCE = ("--nexus-reruns=1", "--nexus-rerun-delay=0", "--nexus-order=off")
SUITE = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "once.py": ONCE,
    "test_a.py": """
        import pytest
        from once import failing
        @pytest.fixture
        def broken(): raise OSError("no device")
        def test_before(): pass
        def test_flaky(): failing("flaky")
        def test_broken(): assert 0
        def test_setup(broken): pass
    """,
    "test_b.py": """
        import pytest
        @pytest.mark.parametrize("n", range(20))
        def test_passes(n): pass
    """,
}
BAD_LETTERS = re.compile(r"[RFEf]")


def progress(result: Result) -> list[tuple[str, str]]:
    """File and letters of each progress line."""
    found = re.findall(r"^(test_\w+\.py) ([.RFEfsu]+)", result.stdout, re.MULTILINE)
    return [(name, letters) for name, letters in found]


@pytest.mark.parametrize("style", ["progress", "count", "times", "classic"])
def test_letters_stand_on_the_line_of_their_own_file(
    project: Callable[..., Project], style: str
) -> None:
    result = project(SUITE).run(*AT_ONCE, "-o", f"console_output_style={style}")
    lines = progress(result)
    assert {name for name, letters in lines if BAD_LETTERS.search(letters)} == {"test_a.py"}
    assert "".join(letters for name, letters in lines if name == "test_a.py") == ".RRRfFE"
    assert "".join(letters for name, letters in lines if name == "test_b.py") == "." * 20


def test_without_capture_too(project: Callable[..., Project]) -> None:
    lines = progress(project(SUITE).run(*AT_ONCE, "-s"))
    assert {name for name, letters in lines if BAD_LETTERS.search(letters)} == {"test_a.py"}


def test_a_verbose_line_begins_with_its_own_test(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-v")
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("test_a.py::")]
    ends = {(line[0].rpartition("::")[2], line[1]) for line in lines}
    assert ends == {
        ("test_before", "PASSED"),
        ("test_flaky", "RERUN"),
        ("test_flaky", "FLAKY"),
        ("test_broken", "RERUN"),
        ("test_broken", "FAILED"),
        ("test_setup", "RERUN"),
        ("test_setup", "ERROR"),
    }


def test_what_is_not_repeated_after_all_stands_on_its_line(
    project: Callable[..., Project],
) -> None:
    ends = "def test_z():\n    import pytest\n    pytest.exit('e')\n"
    made = project(SUITE | {"test_z.py": ends})
    waiting = ("--nexus-reruns=1", "--nexus-rerun-delay=60", "--nexus-rerun-budget=600")
    lines = progress(made.run(*waiting, "--nexus-order=off"))
    assert {name for name, letters in lines if BAD_LETTERS.search(letters)} == {"test_a.py"}
    assert "".join(letters for name, letters in lines if name == "test_a.py") == ".RRRFFE"


@pytest.mark.parametrize("way", [(), ("-n", "2"), ("-q",)], ids=["plain", "workers", "quiet"])
@pytest.mark.parametrize(
    ("letters", "words"),
    [
        ((), {"FLAKY": 1, "FAILED": 1, "ERROR": 1}),
        (("-rR",), {"RERUN": 3}),
        (("-rf",), {"FLAKY": 1, "FAILED": 1}),
        (("-rfR",), {"FLAKY": 1, "FAILED": 1, "RERUN": 3}),
        (("-ra",), {"FLAKY": 1, "FAILED": 1, "ERROR": 1, "RERUN": 3}),
        (("-rN",), {}),
        (("-rE",), {"ERROR": 1}),
        (("-rfR", "--no-summary"), {}),
    ],
    ids=["default", "R", "f", "fR", "a", "N", "E", "no"],
)
def test_the_short_summary_follows_the_letters(
    project: Callable[..., Project],
    letters: tuple[str, ...],
    words: dict[str, int],
    way: tuple[str, ...],
) -> None:
    result = project(SUITE).run(*AT_ONCE, *letters, *way)
    summary = result.stdout.partition(" short test summary info ")[2].splitlines()
    found = [line.split(" ")[0] for line in summary]
    kinds = ("FLAKY", "FAILED", "ERROR", "RERUN")
    assert {word: found.count(word) for word in kinds if word in found} == words
    assert result.stdout.count(" short test summary info ") == bool(words)


def test_a_line_of_the_summary_names_test_and_failure(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-rfR", env={"COLUMNS": "100"})
    assert "FLAKY test_a.py::test_flaky - ValueError: flaky failed, time 1" in result.stdout
    assert "RERUN test_a.py::test_broken - assert 0" in result.stdout
    narrow = project(SUITE).run(*AT_ONCE, "-rR", env={"COLUMNS": "40"}).stdout
    summary = narrow.partition("summary info")[2].splitlines()[1:-1]
    assert all(len(line) <= 40 for line in summary if line.startswith("RERUN"))


def test_a_suite_that_only_flakes_has_a_short_summary(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-k", "flaky")
    assert result.exit_status == 0
    assert "FLAKY test_a.py::test_flaky" in result.stdout


DIFFERENT = SUITE | {
    "test_a.py": """
        import pathlib
        def once(name):
            path = pathlib.Path(name)
            if not path.exists():
                path.touch()
                return True
            return False
        def test_differs():
            if once("differs"): raise ConnectionError("the first reason")
            assert "the last reason" == ""
        def test_same_but_for_numbers():
            raise ValueError(f"at {0x7f00 + once('same')} again")
        def test_setup_then_call(request):
            if once("setup"): raise KeyError("first key")
            raise IndexError("last index")
    """
}


@pytest.mark.parametrize("way", [(), ("-n", "2"), ("-q",)], ids=["plain", "workers", "quiet"])
def test_the_first_failure_is_shown_where_the_last_one_is_another(
    project: Callable[..., Project], way: tuple[str, ...]
) -> None:
    out = project(DIFFERENT).run(*AT_ONCE, *way).stdout
    failures, _, earlier = out.partition(" EARLIER ATTEMPTS ")
    assert "the last reason" in failures
    shown = earlier.partition(" nexus ")[0].partition("nexus: ")[0]
    assert "ConnectionError: the first reason" in shown
    assert "test_differs (attempt 1)" in shown
    assert "first key" in shown
    assert "test_same_but_for_numbers" not in shown


def test_the_first_traceback_is_shown_on_request(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    plain = made.run(*AT_ONCE).stdout
    assert "EARLIER ATTEMPTS" not in plain
    for path in (made.root / "count").iterdir():
        path.unlink()
    asked = made.run(*AT_ONCE, "-rR").stdout
    assert "test_flaky (attempt 1)" in asked.partition(" EARLIER ATTEMPTS ")[2]
    assert "EARLIER ATTEMPTS" not in made.run(*AT_ONCE, "-rR", "--tb=no").stdout


@pytest.mark.parametrize(
    ("arguments", "env", "is_coloured"),
    [
        (("--color=yes",), {}, True),
        (("--color=no",), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colours_are_pytests_own(
    project: Callable[..., Project],
    arguments: tuple[str, ...],
    env: dict[str, str],
    is_coloured: bool,
) -> None:
    out = project(SUITE).run(*AT_ONCE, "-rfR", *arguments, env=env).stdout
    assert ("\x1b[33mFLAKY\x1b[0m test_a.py::\x1b[1mtest_flaky\x1b[0m" in out) == is_coloured
    assert ("\x1b[31mfailed\x1b[0m: test_a.py::test_broken" in out) == is_coloured
    assert ("\x1b[33mflaky\x1b[0m: test_a.py::test_flaky" in out) == is_coloured
    assert ("\x1b[" in out) == is_coloured


def test_quiet_says_a_fact_a_line_with_the_name(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-q")
    facts = [line for line in result.said if line.startswith("nexus: ")]
    assert facts[0].startswith("nexus: flaky: test_a.py::test_flaky - passed in attempt 2")
    assert facts[1:] == ["nexus: 24 tests recorded; the history now has 1 run"]
    assert not [line for line in facts if "; flaky" in line or line.count("nexus:") > 1]


@pytest.mark.parametrize("arguments", [(), ("-q",), ("--no-header",), ("-q", "-n", "1"), ("-v",)])
def test_a_broken_quarantine_file_is_said_before_the_first_test(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    result = project(SUITE | {"nexus-quarantine.toml": "= nonsense"}).run(*AT_ONCE, *arguments)
    lines = result.stdout.splitlines()
    said = [n for n, line in enumerate(lines) if messages([line], "NX305")]
    assert len(said) == 1
    first = next(n for n, line in enumerate(lines) if "test_a.py" in line or line.startswith("."))
    assert said[0] < first
    assert "-q" in arguments or "session starts" in lines[0]
    if "-q" in arguments:
        assert said[0] <= 1  # behind what xdist says of its workers


def test_what_lists_node_ids_lists_nothing_else_first(project: Callable[..., Project]) -> None:
    made = project(SUITE | {"nexus-quarantine.toml": "= nonsense"})
    out = made.run("--collect-only", "-q").stdout
    assert out.startswith("test_a.py::test_before\n")
