"""Find the files of a project that hold settings, and write changes of them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.files import replacing
from pytest_nexus.errors import OptionError
from pytest_nexus.project import checkout_of, path_from, section_of, settings_file
from pytest_nexus.settings_files.ini_text import with_ini_value
from pytest_nexus.settings_files.workflow_text import call_in, inputs_in, with_input

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES: Final = 4 * 1024 * 1024
_WORKFLOWS: Final = ".github/workflows"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file with the text it has, and the text it is to have."""

    path: Path
    before: str | None
    """None for a file that does not exist."""
    after: str

    def name_in(self, top: Path) -> str:
        """Return the path of the file from a folder above it, with `/`."""
        return path_from(top, self.path.parent.resolve() / self.path.name)

    def diff(self, top: Path) -> list[str]:
        """Return the lines of a unified diff as git writes them, without line ends."""
        name = self.name_in(top)
        lines = unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(),
            "/dev/null" if self.before is None else f"a/{name}", f"b/{name}", lineterm="",
        )  # fmt: skip
        return list(lines)

    def write(self) -> None:
        """Write the new text, if the file still has the text it had.

        Raises:
            OptionError: the file was changed meanwhile, or cannot be written.
        """
        try:
            if read_exactly(self.path) != self.before:
                raise OptionError(
                    "NX331",
                    f"{str(self.path)!r} was changed by somebody else meanwhile and stays as it is;"
                    " run the command again",
                )
            target = self.path.resolve()
            with replacing(target) as unfinished:
                unfinished.write_bytes(self.after.encode())
                if self.before is not None:
                    unfinished.chmod(target.stat().st_mode & 0o7777)
        except OSError as error:
            raise OptionError("NX332", f"Couldn't write {str(self.path)!r}: {error}") from error


def read_exactly(path: Path) -> str | None:
    """Return the text of a file with its line ends; None if there is no such file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode("utf-8")


def workflow_of(root: Path) -> Path | None:
    """Return the one workflow that calls nexus for a suite; None if none or several do.

    GitHub reads workflows at the top of the repository only. There, the input `working-directory`
    says to which suite a call belongs.

    Args:
        root: folder of the suite.
    """
    top = top_of(root)
    folder = top / _WORKFLOWS
    suite = root.resolve().relative_to(top).as_posix()
    found = []
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            text = read_exactly(path)
        except (OSError, UnicodeDecodeError):
            continue
        if text is not None and call_in(text) is not None and _is_for(suite, text):
            found.append(path)
    return found[0] if len(found) == 1 else None


def top_of(root: Path) -> Path:
    """Return the top of the repository of a suite, from which diffs name files."""
    root = root.resolve()
    return checkout_of(root) or root


def _is_for(suite: str, text: str) -> bool:
    """Return whether a workflow calls nexus for the suite in a folder, `.` for the top."""
    given = (inputs_in(text) or {}).get("working-directory", ".")
    return "${{" in given or PurePosixPath(given) == PurePosixPath(suite)


def changed_settings(path: Path, before: str | None, key: str, value: str) -> str:
    """Return the text of pytest's settings file with another value.

    Raises:
        OptionError: the file has a form in which nexus changes nothing.
    """
    if before is None:
        return f"[pytest]\n{key} = {value}\n"
    is_toml = path.suffix == ".toml"
    after = with_ini_value(before, section_of(path), key, value, is_toml=is_toml)
    if after is None:
        raise _not_understood(path, f"{key} = {value}")
    return after


def changed_workflow(path: Path, before: str, key: str, value: str) -> str:
    """Return the text of a workflow with another input.

    Raises:
        OptionError: the file has a form in which nexus changes nothing.
    """
    after = with_input(before, key, value)
    if after is None:
        raise _not_understood(path, f"{key}: {value}")
    return after


def settings_path(root: Path) -> Path:
    """Return the file with pytest's settings, or the one that a first setting creates."""
    return settings_file(root) or root / "pytest.ini"


def _not_understood(path: Path, line: str) -> OptionError:
    return OptionError(
        "NX333",
        f"{str(path)!r} has a form that nexus does not change; set `{line}` there by hand",
    )
