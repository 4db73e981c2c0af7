"""The model in real sessions: on the first day, deployed, and refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pytest_nexus.predictor.model.document import dump
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.domain.change_words import unpacked
from tests.support.messages import assert_message
from tests.support.project import Project
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path

FILLER = "".join(f"def test_filler_{n}(): pass\n" for n in range(10))
FILES = {
    "shop/__init__.py": "",
    "shop/basket.py": "def add(items, thing):\n    return [*items, thing]\n",
    "test_a.py": FILLER,
    "test_b.py": FILLER
    + "from shop.basket import add\ndef test_sums(): assert add([], 1) == [1]\n",
    "test_c.py": FILLER,
}


def made(root: Path) -> tuple[Project, Repository]:
    repository = init(root / "project")
    project = Project(repository.root, FILES)
    project.write({".gitignore": ".nexus\n__pycache__\n"})
    repository.commit()
    return project, repository


def test_a_broken_function_is_met_first_without_any_history(tmp_path: Path) -> None:
    """Neither path nor file name of the test shares a word with what changed; its code does."""
    project, _ = made(tmp_path)
    project.write({"shop/basket.py": "def add(items, thing):\n    return items\n"})
    result = project.run()
    assert result.names[0] == "test_sums"
    assert result.exit_status == 1


def test_the_words_of_the_change_are_kept_with_the_run(tmp_path: Path) -> None:
    project, repository = made(tmp_path)
    assert project.run().exit_status == 0
    project.write({"shop/basket.py": "def add(items, thing):\n    return items\n"})
    project.run()
    first, second = (each.run.change for each in project.runs())
    assert first.files == ()
    (file,) = second.files
    assert file.path == "shop/basket.py"
    assert file.words is not None
    words = unpacked(file.words)
    assert words.words["items"] >= 1
    assert words.words["thing"] >= 1
    repository.commit()


def test_without_history_and_change_the_order_is_that_of_collection(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    assert project.run().order == project.run(nexus=False).order


def test_sources_that_do_not_parse_and_bytes_that_are_no_text_harm_nothing(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.write({"shop/basket.py": "def add(items thing:\n", "shop/more.py": "x = 1\n"})
    (project.root / "shop" / "latin.py").write_bytes("# é\nx = 'é'\n".encode("latin-1"))
    (project.root / "shop" / "data.bin").write_bytes(b"\0\xff" * 1000)
    result = project.run("test_a.py")
    assert result.exit_status == 0
    assert len(result.order) == 10


def test_a_session_imports_no_package_of_the_station(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.write(
        {
            "shop/basket.py": "def add(items, thing):\n    return 1\n",
            "test_modules.py": """
                import sys
                def test_light():
                    assert "pytest_nexus.predictor.model.model" in sys.modules
                    heavy = {"numpy", "scipy", "sklearn", "pandas"}
                    assert not heavy & sys.modules.keys()
            """,
        }
    )
    assert project.run("test_modules.py").exit_status == 0


def test_a_tampered_row_is_refused_by_name_and_the_run_goes_on(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.run()
    exported = project.root / "model.json"
    exported.write_text(dump(Model({"record": 1.0})))
    taken = project.nexus("model", "import", str(exported))
    version = taken.stdout.split()[1]
    assert project.nexus("model", "promote", version).returncode == 0
    assert not [line for line in project.run().said if "model" in line]
    with closing(sqlite3.connect(project.history_path)) as history:
        history.execute("""UPDATE model SET document = replace(document, '"slope"', '"steep"')""")
        history.commit()
    project.write({"shop/basket.py": "def add(items, thing):\n    return items\n"})
    result = project.run()
    assert result.names[0] == "test_sums"
    assert result.exit_status == 1
    (line,) = [line for line in result.said if "model" in line]
    assert f"the model {version} is not what was stored" in line
    assert_message([line], "NX901")
    shown = project.nexus("model", "show")
    assert (shown.returncode, version in shown.stderr) == (1, True)
    assert project.nexus("model", "rollback").returncode == 0
    project.write({"shop/basket.py": FILES["shop/basket.py"]})
    assert not [line for line in project.run().said if "model" in line]


def test_a_damaged_installation_costs_one_line_and_the_order_of_pytest(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.run()
    project.write(
        {
            "conftest.py": """
                from pytest_nexus.forecast import forecaster
                forecaster.prior = lambda: "{}"
            """,
            "shop/basket.py": "def add(items, thing):\n    return items\n",
        }
    )
    result = project.run("--nexus-explain")
    assert result.exit_status == 1
    assert result.order == project.run(nexus=False).order
    (line,) = [line for line in result.said if "model" in line]
    assert_message([line], "NX902", "of format None", "pytest-nexus-ci")


def test_explain_names_the_words_behind_a_rank(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.run()
    project.write({"shop/basket.py": "def add(items, thing):\n    return items\n"})
    explained = project.nexus("explain", "test_b.py::test_sums")
    assert "rank 1 of 31" in explained.stdout
    assert "Its code uses the words of the changed lines" in explained.stdout


def test_a_session_says_why_its_first_tests_came_first(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.write({"shop/basket.py": "def add(items, thing):\n    return items\n"})
    said = project.run("--nexus-explain").said
    first, *others = [line for line in said if "; score 0." in line]
    assert first.startswith("1. test_b.py::test_sums; score 0.")
    assert "its code uses the words of the changed" in first
    assert len(others) == 9
    assert not any("failed" in line for line in (first, *others))
    quiet = project.run("--nexus-explain", "-q").stdout.splitlines()
    assert len([line for line in quiet if "; score 0." in line]) == 10
    assert not [line for line in project.run().said if "; score 0." in line]


def test_few_failing_runs_train_nothing_and_say_so(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    project.run()
    trained = project.nexus("train")
    assert trained.returncode == 0, trained.stderr
    assert "0 runs with a failure are too few to learn from" in trained.stdout
