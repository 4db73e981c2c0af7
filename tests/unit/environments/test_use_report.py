"""What tests use of an environment, by made-up packages and a made-up history."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.dependencies import Dependency, Fingerprint, KnownUses
from pytest_nexus.domain.records import TestKey
from pytest_nexus.environments.cache_key import digests_of_files, key_of_installed
from pytest_nexus.environments.declared import declared_in
from pytest_nexus.environments.known_use import KnownUse, known_use, read_known_use
from pytest_nexus.environments.use_report import needed_of, report_use
from pytest_nexus.errors import CacheError
from pytest_nexus.impact.distributions import Distributions
from tests.support.site_packages import install, install_editable

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = TestKey("t.py::a"), TestKey("t.py::b"), TestKey("t.py::c")


def uses() -> KnownUses:
    """Two tests passed with what they used; of the first, an older set is known too."""
    dependencies = dict(enumerate([
        Dependency("distribution", "alpha", "1"), Dependency("distribution", "old", "2"),
        Dependency("block", "src/app.py::f", "3"), Dependency("module", "t.py", "4"),
        Dependency("distribution", "gone", ""), Dependency("distribution", "pytest", "5"),
    ]))  # fmt: skip
    return KnownUses(
        dependencies,
        {
            A: (_print({0, 2, 3, 5}), _print({1, 3})),
            B: (_print({3, 4, 5}),),
        },
        {},
    )


def _print(members: set[int]) -> Fingerprint:
    return Fingerprint(frozenset(members), "run", "commit", 1.0)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, "alpha", files={"alpha_module/__init__.py": "x" * 1000}, requires=["beta"])
    install(folder, "beta")
    install(folder, "old", files={"old.py": "x" * 5000})
    install(folder, "pytest", "9.0", requires=["pluggy"])
    install(folder, "pluggy")
    install_editable(folder, "mine", tmp_path)
    return folder


def environment(site: Path) -> Distributions:
    return Distributions([str(site)])


def test_the_newest_set_of_each_test_counts() -> None:
    found = known_use(uses(), [A, B, C])
    assert found.by_test == {A: {"alpha", "pytest"}, B: {"pytest"}}
    assert found.files == {"src/app.py", "t.py"}
    assert found.n_unknown == 1
    assert found.distributions == {"alpha", "pytest"}


def test_a_missing_history_knows_nothing(tmp_path: Path) -> None:
    assert read_known_use(tmp_path / "none") == KnownUse({}, frozenset(), 0)


class TestCacheKey:
    def test_an_unused_distribution_does_not_count(self, site: Path) -> None:
        before = key_of_installed(["alpha"], environment(site), ())
        shutil.rmtree(site / "old-1.0.dist-info")
        install(site, "new")
        assert key_of_installed(["alpha"], environment(site), ()) == before
        assert before.basis == "used"

    @pytest.mark.parametrize("name", ["alpha", "beta", "pluggy"])
    def test_a_used_one_and_what_it_requires_does(self, site: Path, name: str) -> None:
        before = key_of_installed(["alpha"], environment(site), ()).key
        shutil.rmtree(site / f"{name}-1.0.dist-info")
        install(site, name, "1.1")
        assert key_of_installed(["alpha"], environment(site), ()).key != before

    def test_without_a_used_one_everything_counts(self, site: Path) -> None:
        before = key_of_installed([], environment(site), ())
        assert before.basis == "everything"
        install(site, "new")
        assert key_of_installed([], environment(site), ()).key != before.key

    def test_an_extra_file_that_is_missing_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("x")
        ((name, digest),) = digests_of_files(tmp_path, [tmp_path / "a"])
        assert (name, len(digest)) == ("a", 64)
        with pytest.raises(CacheError, match="gone"):
            digests_of_files(tmp_path, [tmp_path / "gone"])


class TestReport:
    def test_it_says_through_what_each_is_used(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "app.py").write_text("import alpha_module.x\n")
        (tmp_path / "t.py").write_text("from pytest import fixture\n")
        declared = {"alpha": "pyproject.toml", "old": "requirements.txt", "none": "x"}
        report = report_use(known_use(uses(), [A, B]), environment(site), declared, tmp_path)
        rows = {row.name: row for row in report.rows}
        assert [(name, row.n_tests, row.through) for name, row in sorted(rows.items())] == [
            ("alpha", 1, "src/app.py"),
            ("beta", 0, "alpha"),
            ("old", 0, ""),
            ("pluggy", 0, "pytest"),
            ("pytest", 2, "t.py"),
        ]
        assert report.rows[0].name == "old"  # the largest
        assert report.unused_declared == ("old",)
        assert report.saving_bytes == rows["old"].size_bytes > 5000
        assert report.size_bytes == sum(row.size_bytes for row in report.rows)

    def test_the_requirements_of_tests_are_pinned(self, site: Path) -> None:
        found = needed_of([frozenset({"alpha"})], environment(site))
        assert found == ["alpha==1.0", "beta==1.0", "pluggy==1.0", "pytest==9.0"]
        assert needed_of([], environment(site)) == ["pluggy==1.0", "pytest==9.0"]


class TestDeclared:
    def test_it_reads_all_tables_of_a_project(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text(
            '[project]\nname = "Mine"\ndependencies = ["A_b>=1; python_version > \'3\'", "-x"]\n'
            '[project.optional-dependencies]\nall = ["mine[dev]", "c"]\n'
            '[dependency-groups]\ndev = ["d", {include-group = "e"}]\n'
            '[tool.poetry.dependencies]\npython = "^3"\nf = "*"\n'
            '[tool.poetry.group.dev.dependencies]\ng = "*"\n'
        )
        assert set(declared_in(tmp_path)) == {"a-b", "c", "d", "f", "g"}

    def test_it_reads_requirements_that_people_wrote(self, tmp_path: Path) -> None:
        (tmp_path / "requirements").mkdir()
        (tmp_path / "requirements" / "dev.in").write_text("# x\n-r base.in\nA\nb>=2  # y\n./c\n")
        (tmp_path / "requirements.txt").write_text("z==1\n    # via a\n")
        (tmp_path / "test-requirements.txt").write_text("t\n")
        assert declared_in(tmp_path) == {
            "a": "requirements/dev.in",
            "b": "requirements/dev.in",
            "t": "test-requirements.txt",
        }

    def test_a_broken_file_declares_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[[[")
        assert declared_in(tmp_path) == {}
