"""Which distribution a file belongs to, what it requires, and what identifies its content."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.impact import distributions
from pytest_nexus.impact.dist_info import DistInfo
from pytest_nexus.impact.distributions import Distributions
from tests.support.site_packages import install, install_editable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def read(*sites: Path) -> Distributions:
    return Distributions([str(each) for each in sites])


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("pyyaml_module/__init__.py", "pyyaml"),
        ("yaml/deep/loader.py", "pyyaml"),
        ("yaml/data.json", "pyyaml"),
        ("six.py", "six"),
        ("_speed.cpython-313-x86_64-linux-gnu.so", "pyyaml"),
        ("six-1.0.dist-info/METADATA", "six"),
        ("by_hand.py", None),
        ("gone-1.0.dist-info/METADATA", None),
    ],
)
def test_a_file_belongs_to_the_distribution_that_lists_it(
    site: Path, path: str, owner: str | None
) -> None:
    names = ("pyyaml_module/__init__.py", "yaml/__init__.py", "_speed.cpython-313-x86_64.so")
    install(site, "PyYAML", files=dict.fromkeys(names, ""))
    install(site, "six", files={"six.py": ""}, top_level__txt="six\n")
    assert read(site).distribution_of(str(site / path)) == owner


def test_a_file_elsewhere_belongs_to_none(site: Path, tmp_path: Path) -> None:
    install(site, "six")
    assert read(site).distribution_of(str(tmp_path / "six" / "__init__.py")) is None
    assert read(site).distribution_of(os.__file__) is None


def test_a_namespace_is_divided_by_the_lists_of_its_distributions(site: Path) -> None:
    install(site, "google-a", files={"google/a/__init__.py": ""})
    install(site, "google-b", files={"google/b.py": ""})
    found = read(site)
    assert found.distribution_of(str(site / "google" / "a" / "__init__.py")) == "google-a"
    assert found.distribution_of(str(site / "google" / "b.py")) == "google-b"
    assert found.distribution_of(str(site / "google" / "by_hand.py")) is None


def test_a_distribution_without_a_list_owns_the_rest_of_a_namespace(site: Path) -> None:
    install(site, "google-a", files={"google/a.py": ""})
    info = install(site, "google-b", files={"google/b.py": ""}, top_level__txt="google\n")
    (info / "RECORD").unlink()
    found = read(site)
    assert found.distribution_of(str(site / "google" / "b.py")) == "google-b"
    assert found.distribution_of(str(site / "google" / "a.py")) == "google-a"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_path_through_a_link_is_found_too(site: Path) -> None:
    install(site, "six")
    link = site.parents[1] / "lib64"
    link.symlink_to(site.parent)
    through = link / "site-packages"
    assert read(through).distribution_of(str(site / "six" / "__init__.py")) == "six"
    assert read(through).distribution_of(str(through / "six" / "__init__.py")) == "six"


def test_a_project_installed_editable_is_no_distribution(site: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    install_editable(site, "mine", source)
    (source / "mine.egg-info").mkdir(parents=True)
    found = read(source, site)
    assert found.distribution_of(str(source / "mine" / "__init__.py")) is None
    assert found.distribution_of(str(site / "__editable___mine_finder.py")) is None
    assert [each.is_editable for each in found.installed()] == [True]


def test_the_first_folder_of_the_path_counts(site: Path, tmp_path: Path) -> None:
    install(site, "six", "2.0")
    other = tmp_path / "other"
    install(other, "six", "1.0")
    found = read(other, site)
    assert found.version_of("six") == "1.0"
    assert found.digest_of("six") == read(other).digest_of("six")


class TestDigest:
    def test_it_is_equal_wherever_the_same_wheel_is_installed(
        self, site: Path, tmp_path: Path
    ) -> None:
        """Installers order RECORD as they like, and add files and scripts of their own."""
        other = tmp_path / "other"
        files = {"foo/__init__.py": "X = 1\n", "foo/data.txt": "x\n"}
        install(site, "foo", files=files)
        info = install(
            other, "foo", files=dict(reversed(files.items())), INSTALLER="uv\n", REQUESTED="",
            direct_url__json="{}",
            record_extra=[
                "../../../bin/foo,sha256=abc,200", "foo/__pycache__/__init__.cpython-313.pyc,,"
            ],
        )  # fmt: skip
        text = (info / "RECORD").read_text()
        (info / "RECORD").write_bytes(text.replace("\n", "\r\n").encode())
        assert read(other).digest_of("foo") == read(site).digest_of("Foo")

    @pytest.mark.parametrize("changed", ["version", "module", "requirement", "entry point"])
    def test_it_tells_other_content_apart(self, site: Path, tmp_path: Path, changed: str) -> None:
        install(site, "foo", files={"foo/__init__.py": "X = 1\n"})
        install(
            tmp_path,
            "foo",
            "2.0" if changed == "version" else "1.0",
            files={"foo/__init__.py": "X = 2\n" if changed == "module" else "X = 1\n"},
            requires=["bar"] if changed == "requirement" else [],
            **({"entry_points__txt": "[a]\nb=c\n"} if changed == "entry point" else {}),
        )
        assert read(tmp_path).digest_of("foo") != read(site).digest_of("foo")

    def test_it_has_16_digits_or_none(self, site: Path) -> None:
        install(site, "foo")
        assert len(read(site).digest_of("foo")) == 16
        assert read(site).digest_of("bar") == ""

    def test_it_is_equal_for_every_checkout_of_an_editable_project(
        self, site: Path, tmp_path: Path
    ) -> None:
        install_editable(site, "mine", tmp_path / "a")
        install_editable(tmp_path / "other", "mine", tmp_path / "b")
        assert read(tmp_path / "other").digest_of("mine") == read(site).digest_of("mine") != ""

    def test_without_a_list_it_is_over_the_metadata(self, site: Path, tmp_path: Path) -> None:
        for folder, version in ((site, "1.0"), (tmp_path, "2.0"), (tmp_path / "same", "1.0")):
            (install(folder, "foo", version) / "RECORD").unlink()
        assert read(site).digest_of("foo") == read(tmp_path / "same").digest_of("foo")
        assert read(site).digest_of("foo") != read(tmp_path).digest_of("foo")

    def test_two_folders_of_one_name_count_both(self, site: Path, tmp_path: Path) -> None:
        """An interrupted upgrade leaves the folder of the old version."""
        for folder in (site, tmp_path):
            install(folder, "foo", "2.0")
        install(site, "foo", "1.0")
        assert read(site).version_of("foo") == "2.0"
        assert read(site).digest_of("foo") != read(tmp_path).digest_of("foo")


class TestClosure:
    def test_it_holds_what_is_required_and_installed(self, site: Path) -> None:
        install(site, "a", requires=["B-b>=1", "gone", "old; python_version < '3'"])
        install(site, "b-b", requires=["c"])
        install(site, "c", requires=["a"])  # a circle
        install(site, "old")
        assert read(site).closure_of(["A"]) == {"a", "b-b", "c"}
        assert read(site).requirements_of("a") == {"b-b"}

    def test_extras_count_only_where_they_are_asked_for(self, site: Path) -> None:
        install(site, "a", requires=["b[fast]"])
        install(site, "b", requires=["c; extra == 'fast'", "d; extra == 'slow'"])
        install(site, "c")
        install(site, "d")
        assert read(site).closure_of(["a"]) == {"a", "b", "c"}
        assert read(site).closure_of(["b"]) == {"b"}

    def test_it_may_be_limited_to_what_is_loaded(self, site: Path) -> None:
        for name, required in (("a", "b"), ("b", "c"), ("c", "a")):
            install(site, name, requires=[required])
        assert read(site).closure_of(["a"], among={"a", "b"}) == {"a", "b"}

    def test_extra_that_is_one_of_two_conditions(self, site: Path) -> None:
        install(site, "b", requires=["c; extra == 'fast' or python_version > '3'"])
        install(site, "c")
        assert read(site).closure_of(["b"]) == {"b", "c"}

    def test_without_packaging_requirements_of_extras_are_left_out(
        self, site: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(site, "a", requires=["b>=1; python_version > '3'", "c; extra == 'x'"])
        install(site, "b")
        install(site, "c")
        monkeypatch.setitem(sys.modules, "packaging.requirements", None)
        assert read(site).closure_of(["a"]) == {"a", "b"}


class TestDamage:
    def test_nothing_fails_where_the_description_is_broken(self, site: Path) -> None:
        info = install(site, "a")
        (info / "METADATA").write_bytes(b"\xff\xfe\nVersion\nRequires-Dist: ;;;\n")
        (info / "RECORD").write_bytes(b'"a/x.py\n\0,,\n')
        (info / "direct_url.json").write_text("[[[")
        (site / "b-1.0.dist-info").mkdir()
        (site / "c-1.0.dist-info").write_text("a file")
        (site / "d-1.0.egg-info").write_text("Metadata-Version: 1.1\nName: d\nVersion: 1.0\n")
        found = read(site)
        assert [each.name for each in found.installed()] == ["a", "b", "c", "d"]
        assert all(found.digest_of(each.name) for each in found.installed())
        assert found.closure_of(["a", "b"]) == {"a", "b"}
        assert found.version_of("d") == "1.0"
        assert found.distribution_of(str(site / "x" / "y.py")) is None

    def test_a_folder_that_is_missing_has_no_distributions(self, tmp_path: Path) -> None:
        assert read(tmp_path / "gone").installed() == ()

    def test_an_egg_info_has_requirements_too(self, site: Path) -> None:
        folder = site / "a-1.0-py3.11.egg-info"
        folder.mkdir()
        (folder / "PKG-INFO").write_text("Name: a\nVersion: 1.0\n")
        (folder / "requires.txt").write_text("b>=1\n\n[extra]\nc\n")
        (folder / "top_level.txt").write_text("a_module\n")
        install(site, "b")
        install(site, "c")
        found = read(site)
        assert found.closure_of(["a"]) == {"a", "b"}
        assert found.distribution_of(str(site / "a_module.py")) == "a"


def test_sizes_are_those_of_the_files(site: Path) -> None:
    bytecode = site / "foo" / "__pycache__" / "x.pyc"
    install(site, "foo", files={"foo/__init__.py": "1234567890"},
            record_extra=["foo/__pycache__/x.pyc,,", "foo/gone.pyc,,"])  # fmt: skip
    bytecode.parent.mkdir()
    bytecode.write_bytes(b"12345")
    (found,) = read(site).installed()
    metadata = (site / "foo-1.0.dist-info" / "METADATA").stat().st_size
    record = (site / "foo-1.0.dist-info" / "RECORD").stat().st_size
    assert found.size_bytes == 15 + metadata + record


def test_the_environment_of_this_process_is_read_once() -> None:
    assert distributions.distribution_of(pytest.__file__) == "pytest"
    assert distributions.distribution_of(__file__) is None
    assert "pluggy" in distributions.closure_of(["pytest"])
    assert len(distributions.digest_of("pytest")) == 16
    assert {"pytest", "pluggy"} <= {each.name for each in distributions.installed()}
    assert distributions.environment() is distributions.environment()


def test_the_top_of_a_long_list_is_read_without_every_line(site: Path) -> None:
    files = {f"big/part_{n}.py": "" for n in range(50)} | {"big.libs/x.so": "", "single.py": ""}
    info = install(site, "big", files=files)
    assert DistInfo(info).top_names() == {"big", "single", "big-1"}


def test_a_removed_distribution_is_not_seen_by_a_reader_that_is_there(site: Path) -> None:
    """The metadata of this process stay as they were; nothing fails."""
    info = install(site, "foo")
    found = read(site)
    shutil.rmtree(info)
    assert found.digest_of("foo") != ""
