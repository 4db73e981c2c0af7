"""The order of execution beside pytest's own selection, fixtures and changed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from collections.abc import Callable

SIX = {
    "test_a.py": """
        import pytest
        def test_a1(): pass
        def test_a2(): pass
    """,
    "test_b.py": """
        import pytest
        def test_b1(): pass
        @pytest.mark.slow
        def test_b2(): pass
    """,
    "test_c.py": """
        def test_c1(): pass
        def test_c2(): assert 0
    """,
    "pytest.ini": "[pytest]\nmarkers = slow\n",
}
COLLECTION = ["test_a1", "test_a2", "test_b1", "test_b2", "test_c1", "test_c2"]


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Six tests of which the last one failed in the only run so far."""
    made = Project(tmp_path_factory.mktemp("six") / "project", SIX)
    assert made.run("-p", "no:randomly").names == COLLECTION
    return made


def test_test_that_failed_comes_first_in_the_next_run(six: Project) -> None:
    names = six.run("--no-nexus-ingest").names
    assert names[0] == "test_c2"
    assert sorted(names) == COLLECTION


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--lf"], ["test_c2"]),
        (["-k", "test_a or test_c"], ["test_c2", "test_a1", "test_a2", "test_c1"]),
        (["-m", "not slow"], ["test_c2", "test_a1", "test_a2", "test_b1", "test_c1"]),
        (["--deselect", "test_c.py::test_c2", "-k", "test_c"], ["test_c1"]),
        (["test_b.py::test_b2", "test_c.py"], ["test_c2", "test_b2", "test_c1"]),
        (["--nf", "-k", "test_c"], ["test_c2", "test_c1"]),
        (["--ff", "-k", "test_c"], ["test_c2", "test_c1"]),
        (["--sw", "-k", "test_c"], ["test_c2"]),
    ],
    ids=lambda value: " ".join(value) if value[0][0] == "-" or "/" in value[0] else "",
)
def test_nothing_that_was_left_out_comes_back(
    six: Project, arguments: list[str], names: list[str]
) -> None:
    result = six.run("--no-nexus-ingest", *arguments)
    assert sorted(result.names) == sorted(names)
    assert result.names[0] == names[0]


def test_order_off_leaves_the_collection_alone(six: Project) -> None:
    assert six.run("--no-nexus-ingest", "--nexus-order=off").names == COLLECTION


def test_first_failure_ends_the_run_at_once_under_x(six: Project) -> None:
    result = six.run("--no-nexus-ingest", "-x")
    assert result.names == ["test_c2"]
    assert not result.end["complete"]


def test_same_history_gives_the_same_order(six: Project) -> None:
    assert six.run("--no-nexus-ingest").names == six.run("--no-nexus-ingest").names


def test_workers_collect_in_the_order_of_collection(six: Project) -> None:
    result = six.run("--no-nexus-ingest", "-n", "2")
    assert sorted(result.names) == COLLECTION
    assert "Different tests were collected" not in result.stdout
    assert result.exit_status == 1


@pytest.fixture
def repository(project: Callable[..., Project]) -> tuple[Project, Repository]:
    made = project(SIX)
    made_repository = init(made.root)
    made_repository.commit()
    return made, made_repository


def test_changed_test_files_come_first_without_history(
    repository: tuple[Project, Repository],
) -> None:
    made, _ = repository
    made.write({"test_b.py": "def test_b0(): pass\n" + "def test_b1(): pass\n"})
    assert made.run().names == ["test_b0", "test_b1", "test_a1", "test_a2", "test_c1", "test_c2"]


def test_new_test_file_comes_first_without_history(
    repository: tuple[Project, Repository],
) -> None:
    made, _ = repository
    made.write({"test_d.py": "def test_d1(): pass\n"})
    of_slow_file = ["test_b1", "test_b2"]
    others = [name for name in COLLECTION if name not in of_slow_file]
    assert made.run().names == ["test_d1", *others, *of_slow_file]


def test_renamed_file_keeps_its_history(repository: tuple[Project, Repository]) -> None:
    made, made_repository = repository
    made.run()
    made_repository.git("mv", "test_c.py", "test_zoo.py")
    result = made.run()
    assert result.order[0] == "test_zoo.py::test_c2"


def test_run_in_a_changed_tree_records_what_changed(
    repository: tuple[Project, Repository],
) -> None:
    made, made_repository = repository
    made.write({"test_c.py": "def test_c1(): pass\n"})
    run, *_ = made.run().journal
    assert run["commit"] == made_repository.git("rev-parse", "HEAD")
    assert (run["branch"], run["dirty"]) == ("main", True)
    assert [(file["path"], file["status"]) for file in run["files"]] == [("test_c.py", "M")]


def test_items_of_another_kind_keep_their_order_within_their_file(
    project: Callable[..., Project],
) -> None:
    made = project(
        {
            "conftest.py": """
                import pytest
                class Case(pytest.Item):
                    def runtest(self): assert self.name != "case 3"
                class Cases(pytest.File):
                    def collect(self):
                        for number in (1, 2, 3):
                            yield Case.from_parent(self, name=f"case {number}")
                def pytest_collect_file(file_path, parent):
                    if file_path.suffix == ".yaml":
                        return Cases.from_parent(parent, path=file_path)
            """,
            "a.yaml": "",
            "mod.py": '''
                """
                >>> 1
                2
                """
            ''',
            "test_z.py": "def test_good(): pass\ndef test_bad(): assert 0\n",
        }
    )
    cold = made.run("--doctest-modules")
    assert cold.names == ["case 1", "case 2", "case 3", "mod", "test_good", "test_bad"]
    learned = made.run("--doctest-modules").names
    assert sorted(learned) == sorted(cold.names)
    assert learned[-1] == "test_good"
    at = learned.index("case 1")
    assert learned[at : at + 3] == ["case 1", "case 2", "case 3"]


def test_items_that_another_plugin_adds_or_drops_last_are_respected(
    project: Callable[..., Project],
) -> None:
    made = project(
        SIX
        | {
            "conftest.py": """
                import pytest
                @pytest.hookimpl(trylast=True)
                def pytest_collection_modifyitems(items):
                    items[:] = [item for item in items if item.name != "test_a1"]
            """
        }
    )
    made.run()
    assert sorted(made.run().names) == COLLECTION[1:]
