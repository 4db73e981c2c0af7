"""Pins of lock files, and keys made of them: stable but for what is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.environments.cache_key import key_of_locks
from pytest_nexus.environments.lock_files import closure_of_pins, read_locks
from pytest_nexus.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = """\
# written by a tool
--index-url https://example.org
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via -r requirements.in
beta[fast]==2.0 ; python_version > "3.8" \\
    --hash=sha256:ba
    # via
    #   alpha
    #   gamma
gamma==3.0  # a comment
    # via other
-e .
pytest==9.0
"""
UV = """\
version = 1

[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "beta", extra = ["fast"], marker = "python_version > '3.8'" }]
sdist = { url = "https://x/alpha.tar.gz", hash = "sha256:aa", size = 1 }
wheels = [{ url = "https://x/alpha.whl", hash = "sha256:ab", size = 1 }]

[[package]]
name = "beta"
version = "2.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "gamma"
version = "3.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "beta" }]

[[package]]
name = "pytest"
version = "9.0"
"""
POETRY = """\
[[package]]
name = "Alpha"
version = "1.0"
description = "A"
files = [{file = "alpha.whl", hash = "sha256:ab"}]

[package.dependencies]
Beta = {version = ">=2", extras = ["fast"]}

[[package]]
name = "beta"
version = "2.0"

[[package]]
name = "gamma"
version = "3.0"

[package.dependencies]
beta = "*"

[[package]]
name = "pytest"
version = "9.0"

[metadata]
lock-version = "2.1"
"""
PYLOCK = """\
lock-version = "1.0"

[[packages]]
name = "alpha"
version = "1.0"
dependencies = [{name = "beta"}]
wheels = [{name = "alpha.whl", hashes = {sha256 = "ab"}}]

[[packages]]
name = "beta"
version = "2.0"

[[packages]]
name = "gamma"
version = "3.0"
dependencies = [{name = "beta"}]

[[packages]]
name = "pytest"
version = "9.0"
"""
LOCKS = {
    "requirements.txt": REQUIREMENTS,
    "uv.lock": UV,
    "poetry.lock": POETRY,
    "pylock.toml": PYLOCK,
}


@pytest.fixture(params=LOCKS)
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_text(LOCKS[request.param])
    return path


def key(path: Path, *used: str) -> str:
    return key_of_locks(frozenset(used), read_locks([path]), ()).key


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_every_pin_is_found_with_what_it_requires(lock: Path) -> None:
    pins = read_locks([lock])
    assert [pin.name for pin in pins] == ["alpha", "beta", "gamma", "pytest"]
    assert closure_of_pins(pins, ["alpha"]) == {"alpha", "beta"}


def test_an_upgrade_of_an_unused_distribution_does_not_change_the_key(lock: Path) -> None:
    before = key(lock, "alpha")
    change(lock, "3.0", "3.1")
    assert key(lock, "alpha") == before


@pytest.mark.parametrize("version", ["1.0", "2.0", "9.0"], ids=["used", "required", "pytest"])
def test_an_upgrade_of_a_used_one_does(lock: Path, version: str) -> None:
    before = key(lock, "alpha")
    change(lock, f"={version}" if lock.suffix == ".txt" else f'"{version}"',
           f"={version}.1" if lock.suffix == ".txt" else f'"{version}.1"')  # fmt: skip
    assert key(lock, "alpha") != before


def test_another_file_of_the_same_version_changes_the_key(lock: Path) -> None:
    before = key(lock, "alpha")
    change(lock, "ab", "ac")
    assert key(lock, "alpha") != before


def test_the_order_of_the_lock_does_not_count(tmp_path: Path) -> None:
    first = tmp_path / "a.txt"
    first.write_text("a==1 --hash=sha256:1 --hash=sha256:2\nb==2\n")
    second = tmp_path / "b.txt"
    second.write_text("\n# x\nb==2\na==1  --hash=sha256:2 \\\n  --hash=sha256:1")
    assert key(first, "a", "b") == key(second, "a", "b")
    assert key(first) == key(second)
    for name in ("c.lock", "d.lock"):
        parts = UV.split("[[package]]\n")
        body = parts[1:] if name == "c.lock" else parts[:0:-1]
        (tmp_path / name).write_text(parts[0] + "".join(f"[[package]]\n{one}\n" for one in body))
    assert key(tmp_path / "c.lock") == key(tmp_path / "d.lock")


def test_where_nothing_is_used_everything_counts(lock: Path) -> None:
    found = key_of_locks(frozenset(), read_locks([lock]), ())
    assert found.basis == "everything"
    change(lock, "3.0", "3.1")
    assert key(lock) != found.key


def test_a_used_distribution_that_is_not_pinned_is_named(lock: Path) -> None:
    found = key_of_locks(frozenset({"alpha", "other"}), read_locks([lock]), ())
    assert found.missing == ("other",)
    assert found.basis == "used"


def test_extra_files_count(lock: Path) -> None:
    pins = read_locks([lock])
    keys = {key_of_locks(frozenset({"alpha"}), pins, extra).key
            for extra in ((), [("a", "1")], [("a", "2")])}  # fmt: skip
    assert len(keys) == 3


def test_included_files_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\nalpha==1\n")
    (tmp_path / "b.txt").write_text("--requirement=a.txt\nbeta==2\n-c sub/c.txt\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("gamma==3")
    names = [pin.name for pin in read_locks([tmp_path / "a.txt"])]
    assert names == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.lock", "x = ["), ("a.lock", "x = 1"), ("a.txt", "-r gone.txt"), ("gone.txt", None),
     ("a.lock", "package = 5")],
)  # fmt: skip
def test_a_file_that_is_no_lock_is_refused_by_name(
    tmp_path: Path, name: str, text: str | None
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(CacheError, match=r"NX17[12]"):
        read_locks([tmp_path / name])


def test_odd_packages_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "uv.lock"
    path.write_text('package = [1, {version = "1"}, {name = "a", dependencies = [1, {name = 2}]}]')
    assert [(pin.name, pin.requires) for pin in read_locks([path])] == [("a", frozenset())]
