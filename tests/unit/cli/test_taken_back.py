from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.backtest.builds import find_folder, projects, read_builds
from pytest_nexus.backtest.recorded import read_texts
from pytest_nexus.cli.taken_back import text_of

if TYPE_CHECKING:
    from pathlib import Path


def row(build_id: str, seq: int, kind: str, sources: str, lines: int, commit: str = "") -> dict:
    return {
        "build_id": build_id,
        "seq": str(seq),
        "kind": kind,
        "commit": commit or build_id,
        "changed_src": sources,
        "lines_changed": str(lines),
    }


def text(**lines: int) -> dict:
    return {f"src/{name}.py": {"added": n, "deleted": 0} for name, n in lines.items()}


FIRST = row("first", 0, "pass", "src/a.py", 40)
SECOND = row("second", 1, "pass", "src/a.py|src/b.py", 90)
KNOWN = {"first": text(a=30), "second": text(a=33, b=50)}


@pytest.mark.parametrize(
    ("lines", "found"),
    [(30, "first"), (31, "first"), (32, "second"), (33, "second"), (44, "second"), (45, "")],
)
def test_a_return_takes_the_text_of_the_nearest_number_of_lines(lines: int, found: str) -> None:
    build = row("build", 2, "regress", "src/a.py", lines)
    assert text_of(build, [FIRST, SECOND, build], KNOWN) == KNOWN.get(found, {})


def test_of_equally_near_changes_the_last_one_is_taken_back() -> None:
    build = row("build", 3, "regress", "src/a.py", 30)
    again = row("again", 2, "pass", "src/a.py", 60)
    known = KNOWN | {"again": text(a=30, c=1)}
    assert text_of(build, [FIRST, SECOND, again, build], known) == known["again"]


def test_what_came_later_is_not_taken_back() -> None:
    build = row("build", 0, "regress", "src/a.py", 30)
    later = row("first", 1, "pass", "src/a.py", 40)
    assert text_of(build, [build, later], KNOWN) == {}


def test_a_change_that_left_one_of_the_sources_alone_is_not_taken_back() -> None:
    build = row("build", 2, "regress", "src/a.py|src/b.py", 30)
    assert text_of(build, [FIRST, build], KNOWN) == {}


def test_a_build_that_names_no_source_has_no_text() -> None:
    build = row("build", 2, "regress", "", 30)
    assert text_of(build, [FIRST, SECOND, build], KNOWN) == {}


def test_an_unfinished_change_has_the_text_of_its_commit() -> None:
    build = row("build", 0, "fresh", "src/a.py", 7, commit="first")
    assert text_of(build, [build, row("first", 1, "pass", "src/a.py", 40)], KNOWN) == text(a=30)


def test_a_text_of_its_own_comes_first() -> None:
    build = row("build", 2, "regress", "src/a.py", 30)
    own = text(a=99)
    assert text_of(build, [FIRST, build], KNOWN | {"build": own}) == own


def test_a_failing_test_is_named_by_most_of_the_changes_that_are_said_to_be_taken_back() -> None:
    """The rule looks at no outcome; the outcomes can say how often it is right."""
    folder = find_folder(None)
    assert folder is not None
    named = linked = 0
    for project in projects(folder):
        n_named, n_linked = _named(folder, project)
        named, linked = named + n_named, linked + n_linked
    assert linked > 30
    assert named > 0.6 * linked


def _named(folder: Path, project: str) -> tuple[int, int]:
    texts = read_texts(folder, project)
    named = linked = 0
    for build in read_builds(folder, project):
        found = texts.files.get(build.run.run_uid) if build.kind == "regress" else None
        if found:
            of_tests = [each for path, each in found.items() if path.startswith("tests/")]
            words = {word for each in of_tests for word in (*each["identifiers"], *each["context"])}
            failing = {build.tests[at].function_key.rpartition("::")[2] for at in build.failing}
            linked += 1
            named += bool(failing & words)
    return named, linked
