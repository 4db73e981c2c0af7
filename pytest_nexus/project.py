"""Find the history and the journals of the project in which a command is called."""

from __future__ import annotations

import configparser
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import OptionError
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.plan.quarantine.file import FILE_NAME

if TYPE_CHECKING:
    import argparse

_MAX_BYTES: Final = 16 * 1024 * 1024
_INI_FILES: Final = (
    ("pytest.toml", "pytest"),
    (".pytest.toml", "pytest"),
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", "tool.pytest.ini_options"),
    ("pyproject.toml", "tool.pytest"),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
"""Files in which pytest looks for settings, in pytest's order; the first with settings counts."""

_ALWAYS: Final = frozenset({"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"})
"""Files that end pytest's search even when they are empty."""


def add_history_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the history file to a command."""
    parser.add_argument(
        "--history",
        metavar="FILE",
        help="history file (default: as NEXUS_HISTORY or the project's ini file says,"
        " else .nexus/history.sqlite3)",
    )


def path_from(folder: Path, path: Path) -> str:
    """Return a path relative to a folder, with `/`; the whole path if no relative path exists.

    >>> path_from(Path("/project/docs"), Path("/project/tests/test_a.py"))
    '../tests/test_a.py'
    """
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def history_path(given: str | None) -> Path:
    """Return the given history file, or else the project's."""
    return Path(given) if given else _setting("nexus_history")


def journal_folder() -> Path:
    """Return the folder of the project's journals."""
    return _setting("nexus_journal")


def quarantine_path(given: str | None) -> Path:
    """Return the given quarantine file, or else the project's."""
    if given:
        return Path(given)
    if any(option.name == "nexus_quarantine" for option in OPTIONS):
        return _setting("nexus_quarantine")
    return project_root(Path.cwd()) / FILE_NAME


def project_root(start: Path, top: Path | None = None) -> Path:
    """Return the nearest folder from `start` upwards that has pytest settings or a `.nexus`.

    This is usually the folder that pytest calls rootdir. Return `start` if there is no such folder.
    With `top`, no folder above `top` counts, and no link to a file outside `top` is followed.
    """
    for folder in (start, *start.parents):
        if (folder / ".nexus").is_dir() or _section(folder, top) is not None:
            return folder
        if folder == top:
            break
    return start


def checkout_of(folder: Path) -> Path | None:
    """Return the top of the checkout that contains a folder; None without a checkout.

    A change cannot move the top, since git commits nothing with the name `.git`.
    """
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def settings_file(folder: Path) -> Path | None:
    """Return the file from which pytest would read its settings in a folder; None without one."""
    for filename, section in _INI_FILES:
        path = folder / filename
        if path.is_file() and (filename in _ALWAYS or _values(path, section) is not None):
            return path
    return None


def section_of(path: Path) -> str:
    """Return the section of a settings file that holds pytest's settings, or could hold them."""
    sections = [section for filename, section in _INI_FILES if filename == path.name]
    return next((one for one in sections if _values(path, one) is not None), sections[0])


def _values(path: Path, section: str) -> dict[str, Any] | None:
    read = _read_toml if path.suffix == ".toml" else _read_ini
    return read(path, section)


def base_revision(given: str | None) -> str | None:
    """Return the base revision of a change: as given, or else as the project's settings say."""
    return given or _value("nexus_base", project_root(Path.cwd()))


def ini_value(name: str, root: Path | None = None) -> str | None:
    """Return a value of the project's ini file as one text; spaces separate the items of a list."""
    value = (_section(root or project_root(Path.cwd())) or {}).get(name)
    return " ".join(map(str, value)) if isinstance(value, list) else value and str(value)


def _setting(name: str) -> Path:
    root = project_root(Path.cwd())
    return root / (_value(name, root) or "")


def setting_in(name: str, root: Path, top: Path | None = None) -> str:
    """Return the value of an option: of the environment, else of the ini file in a folder.

    With `top`, no link to a file outside `top` is followed.

    Raises:
        OptionError: the value is not allowed.
    """
    option = next(option for option in OPTIONS if option.name == name)
    value: object = originals.environ.get(option.variable)
    if value is None:
        value = (_section(root, top) or {}).get(name, option.default)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    parsed = option.parsed(str(value) if is_number else value)
    if parsed is None:
        raise OptionError("NX101", f"{name} must be {option.allowed}, got {value!r}")
    return str(parsed)


def _value(name: str, root: Path) -> str | None:
    option = next(option for option in OPTIONS if option.name == name)
    value = originals.environ.get(option.variable)
    if value is None:
        value = (_section(root) or {}).get(name, option.default)
    if value is None and option.default is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise OptionError("NX101", f"{name} must be {option.allowed}, got {value!r}")
    return value


def _section(folder: Path, top: Path | None = None) -> dict[str, Any] | None:
    """Return the settings that pytest would read in a folder; None without a settings file."""
    for filename, section in _INI_FILES:
        path = folder / filename
        if path.is_file() and (top is None or path.resolve().is_relative_to(top)):
            values = _values(path, section)
            if values is None and filename in _ALWAYS:
                values = {}
            if values is not None:
                return values
    return None


def _read_toml(path: Path, section: str) -> dict[str, Any] | None:
    try:
        table: Any = tomllib.loads(read_text(path, _MAX_BYTES))
    except (OSError, ValueError) as exc:
        raise OptionError("NX151", f"Couldn't read {path!s}: {exc}") from exc
    for part in section.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def _read_ini(path: Path, section: str) -> dict[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path, _MAX_BYTES))
    except (OSError, ValueError, configparser.Error) as exc:
        raise OptionError("NX151", f"Couldn't read {path!s}: {exc}") from exc
    return dict(parser[section]) if parser.has_section(section) else None
