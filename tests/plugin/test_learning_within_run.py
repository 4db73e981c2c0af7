"""Sessions in which the outcomes of the run move the tests that are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support.project import Project, Result

if TYPE_CHECKING:
    from pathlib import Path

N_FILES: Final = 6
WAYS: Final = [("--nexus-reruns=0",), ("--nexus-reruns=1",)]


def suite(n_files: int = N_FILES, *, breaks: str = "") -> dict[str, str]:
    """Each file has a test of the parser among ten tests of other things."""
    files = {
        "core.py": f"""
            import os
            def parse_number(text): return int(text){breaks}
            def draw(thing): return thing
            """
    }
    for n in range(n_files):
        others = "\n".join(
            f"def test_draw_{n}_{i}(): assert core.draw({i!r}) == {i!r}" for i in "abcdefghij"
        )
        parser = f"def test_parse_number_{n}(): assert core.parse_number('7') == 7"
        files[f"test_{n}.py"] = f"import core\n{others}\n{parser}\n"
    return files


def project(root: Path, **given: str) -> Project:
    """A project with one run in its history, in which every test passed."""
    made = Project(root, suite())
    assert made.run().exit_status == 0
    if given.get("breaks"):
        made.write(suite(breaks=given["breaks"]))
    return made


def at(order: list[str], word: str) -> list[int]:
    return [place for place, nodeid in enumerate(order) if word in nodeid]


@pytest.mark.parametrize("way", WAYS)
def test_after_the_first_failure_those_with_its_words_come_next(tmp_path: Path, way) -> None:
    made = project(tmp_path, breaks=" + 1")
    static = made.run("--nexus-order=static", "--no-nexus-ingest", *way)
    found = made.run("--no-nexus-ingest", *way)
    first, second, *others = at(first_runs(found), "parse_number")
    assert first == at(first_runs(static), "parse_number")[0]
    assert second <= first + 2, "the next test is known when one begins"
    assert others == list(range(second + 1, second + N_FILES - 1))
    assert at(first_runs(static), "parse_number")[-1] > others[-1] + 20
    assert sorted(first_runs(found)) == sorted(first_runs(static))
    assert any("with the same words moved forward" in line for line in found.said)


def first_runs(result: Result) -> list[str]:
    """The tests in the order in which their first attempts began."""
    return list(dict.fromkeys(result.order))


def failed(result: Result) -> set[str]:
    return {report.nodeid for report in result.reports if report.outcome == "failed"}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_outcomes_give_the_same_order(tmp_path: Path, way) -> None:
    made = project(tmp_path, breaks=" + 1")
    one, other = (made.run("--no-nexus-ingest", *way) for _ in range(2))
    assert first_runs(one) == first_runs(other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ["static", "off"])
def test_it_can_be_turned_off(tmp_path: Path, way, order: str) -> None:
    made = project(tmp_path, breaks=" + 1")
    found = made.run(f"--nexus-order={order}", "--no-nexus-ingest", *way)
    places = at(first_runs(found), "parse_number")
    assert places[-1] - places[0] > 20
    assert not any("moved forward" in line for line in found.said)


def test_a_run_that_passes_keeps_the_order_of_the_plan(tmp_path: Path) -> None:
    made = project(tmp_path)
    static = made.run("--nexus-order=static", "--no-nexus-ingest")
    assert made.run("--no-nexus-ingest").order == static.order
    assert made.run("--no-nexus-ingest", "--nexus-reruns=0").order == static.order


@pytest.mark.parametrize("way", WAYS)
def test_workers_get_those_with_its_words_next(tmp_path: Path, way) -> None:
    made = project(tmp_path, breaks=" + 1")
    found = made.run("--no-nexus-ingest", "-n1", *way)
    single = made.run("--no-nexus-ingest", *way)
    assert failed(found) == failed(single)
    assert len(failed(found)) == N_FILES
    assert sorted(first_runs(found)) == sorted(first_runs(single))
    assert any("with the same words moved forward" in line for line in found.said)


def test_explain_says_which_failure_moved_which_tests(tmp_path: Path) -> None:
    made = project(tmp_path, breaks=" + 1")
    found = made.run("--no-nexus-ingest", "--nexus-explain")
    lines = [line for line in found.stdout.splitlines() if "had failed, forward:" in line]
    assert len(lines) >= 1
    assert "parse_number" in lines[0].partition("forward:")[2]


@pytest.mark.parametrize("way", WAYS)
def test_a_plugin_with_a_loop_of_its_own_runs_each_test_once(tmp_path: Path, way) -> None:
    made = project(tmp_path, breaks=" + 1")
    made.write(
        {
            "conftest.py": """
                import pytest

                @pytest.hookimpl(tryfirst=True)
                def pytest_runtestloop(session):
                    items = list(session.items)
                    for at, item in enumerate(items):
                        following = items[at + 1] if at + 1 < len(items) else None
                        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                    return True
                """
        }
    )
    found = made.run("--no-nexus-ingest", *way)
    assert len(found.order) == len(set(found.order)) == 11 * N_FILES


@pytest.mark.parametrize("way", WAYS)
def test_items_that_a_test_removes_stay_removed(tmp_path: Path, way) -> None:
    """Some suites change the items of a running session; nexus then leaves them alone."""
    made = project(tmp_path, breaks=" + 1")
    made.write(
        {
            "conftest.py": """
                def pytest_runtest_teardown(item, nextitem):
                    items = item.session.items
                    if len(items) > 40 and nextitem is not None:
                        del items[40:]
                """
        }
    )
    found = made.run("--no-nexus-ingest", *way)
    assert len(found.order) == len(set(found.order))
    assert found.exit_status in {0, 1}


def test_under_maxfail_the_session_stops_as_pytest_does(tmp_path: Path) -> None:
    made = project(tmp_path, breaks=" + 1")
    for way in WAYS:
        found = made.run("--no-nexus-ingest", "--maxfail=2", *way)
        assert found.exit_status == 1
        assert len(failed(found)) == 2
