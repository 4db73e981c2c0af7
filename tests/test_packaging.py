"""What is built, what it holds, and that neither `predictor` is taken for the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from tests.support.project import COMPANIONS, REPOSITORY, Project

PACKAGES = {"pytest_nexus": "pytest_nexus", "predictor": "pytest_nexus/predictor"}
SDIST = "import setuptools.build_meta as b, sys; print(b.build_sdist(sys.argv[1]))"
WHEEL = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"


@dataclass(frozen=True)
class Built:
    """A source distribution, the wheel made from it, and the wheel installed in a folder."""

    sdist: Path
    wheel: Path
    site: Path

    @property
    def distribution(self) -> Distribution:
        (found,) = distributions(path=[str(self.site)])
        return found


def build(source: Path, code: str, target: Path) -> Path:
    command = [str(COMPANIONS), "-c", code, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    checkout = folder / "checkout"
    hidden = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(REPOSITORY, checkout, ignore=hidden)
    sdist = build(checkout, SDIST, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    wheel = build(unpacked, WHEEL, folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")  # noqa: S202 - we have just made it
    return Built(sdist, wheel, folder / "site")


def python(
    site: Path, cwd: Path, code: str, interpreter: Path = Path(sys.executable)
) -> subprocess.CompletedProcess[str]:
    """Run code where the wheel is installed in front of everything else."""
    environment = Project(cwd).environment(PYTHONPATH=str(site))
    command = [str(interpreter), "-c", code]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_wheel_holds_the_two_packages_and_nothing_else(built: Built) -> None:
    sources = {
        f"{target}/{path.relative_to(REPOSITORY / folder).as_posix()}"
        for folder, target in PACKAGES.items()
        for path in (REPOSITORY / folder).rglob("*.py")
    }
    assets = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "pytest_nexus/report/dashboard/assets").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    info = "pytest_nexus_ci-0.1.0.dist-info"
    described = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt"}
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert names == (
        sources
        | {"pytest_nexus/py.typed", "pytest_nexus/predictor/prior.json"}
        | assets
        | {f"{info}/licenses/LICENSE"}
        | {f"{info}/{name}" for name in described}
    )


def test_wheel_is_for_every_python_3_and_platform(built: Built) -> None:
    assert built.wheel.name == "pytest_nexus_ci-0.1.0-py3-none-any.whl"


def test_metadata_name_the_distribution_its_extras_and_entry_points(built: Built) -> None:
    metadata = built.distribution.metadata
    assert (metadata["Name"], metadata["License-Expression"]) == ("pytest-nexus-ci", "MIT")
    assert metadata["Requires-Python"] == ">=3.11"
    extras = ["onnx", "s3", "train", "postgres", "bigdata", "dask", "otel", "dev", "docs"]
    assert metadata.get_all("Provides-Extra") == extras
    required = [line for line in built.distribution.requires or () if "extra" not in line]
    assert sorted(line.partition(">")[0] for line in required) == [
        "pytest",
        "pytest-xdist",
        "requests",
        "shtab",
    ]
    assert {
        (point.group, point.name, point.value) for point in built.distribution.entry_points
    } == {
        ("console_scripts", "nexus", "pytest_nexus.cli.main:main"),
        ("pytest11", "nexus", "pytest_nexus.plugin"),
    }


def test_every_entry_point_can_be_loaded_and_called(built: Built, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import distributions\n"
        f"(found,) = distributions(path=[{str(built.site)!r}])\n"
        "for point in found.entry_points:\n"
        "    loaded = point.load()\n"
        "    print(point.name, callable(loaded) or loaded.__file__)\n"
    )
    done = python(built.site, tmp_path, code)
    assert done.stdout.split() == [
        *("nexus", "True"),
        *("nexus", str(built.site / "pytest_nexus" / "plugin.py")),
    ], done.stderr


USERS = {"predictor.py": "WHO = 'user'\n"}
BOTH = "import predictor, pytest_nexus.predictor as ours; print(predictor.WHO, ours.__file__)"
OTHER_WAY = "import pytest_nexus.predictor as ours, predictor; print(predictor.WHO, ours.__file__)"


@pytest.mark.parametrize("code", [BOTH, OTHER_WAY], ids=["user first", "ours first"])
@pytest.mark.parametrize("install", ["wheel", "editable"])
def test_users_own_predictor_and_ours_stay_apart(
    built: Built, tmp_path: Path, install: str, code: str
) -> None:
    Project(tmp_path, USERS)
    site = built.site if install == "wheel" else tmp_path / "nothing"
    interpreter = COMPANIONS if install == "editable" else Path(sys.executable)
    done = python(site, tmp_path, code, interpreter)
    who, file = done.stdout.split()
    home = built.site / "pytest_nexus" if install == "wheel" else REPOSITORY
    assert (who, Path(file)) == ("user", home / "predictor" / "__init__.py")


@pytest.mark.parametrize("install", ["wheel", "editable"])
def test_no_predictor_is_installed_at_the_top(built: Built, tmp_path: Path, install: str) -> None:
    site = built.site if install == "wheel" else tmp_path / "nothing"
    interpreter = COMPANIONS if install == "editable" else Path(sys.executable)
    assert (
        "No module named 'predictor'"
        in python(site, tmp_path, "import predictor", interpreter).stderr
    )


OTHERS = {
    "pytest_nexus/__init__.py": "# nothing of ours\n",
    "pytest_nexus/plugin.py": "def pytest_addoption(parser): pass\n",
}


def laid_over(built: Built, folder: Path, *names: str) -> Path:
    """The wheel with files of the other project of the same import name over it."""
    site = folder / "site"
    shutil.copytree(built.site, site)
    Project(site, {name: OTHERS[name] for name in names})
    return site


@pytest.mark.parametrize("names", [list(OTHERS), ["pytest_nexus/__init__.py"]], ids=len)
def test_command_refuses_over_the_other_projects_files(
    built: Built, tmp_path: Path, names: list[str]
) -> None:
    site = laid_over(built, tmp_path, *names)
    code = "import sys; from pytest_nexus.cli.main import main; sys.exit(main(['history', 'show']))"
    done = python(site, tmp_path, code)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nexus: the distribution pytest-nexus (results for Jira) is installed")


def test_session_refuses_over_the_other_projects_files(built: Built, tmp_path: Path) -> None:
    site = laid_over(built, tmp_path, "pytest_nexus/__init__.py")
    made = Project(tmp_path / "project", {"test_a.py": "def test_a(): pass\n"})
    path = made.environment()["PYTHONPATH"]
    result = made.run(env={"PYTHONPATH": f"{site}{os.pathsep}{path}"})
    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert "pip uninstall pytest-nexus pytest-nexus-ci" in result.stderr
    assert "Traceback" not in result.stderr
    assert made.run(nexus=False).exit_status == 0
