"""Caches and artifacts with GitHub's rules, in folders."""

from __future__ import annotations

import fnmatch
import io
import shutil
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.github_server import GitHubServer, zipped

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One cache."""

    key: str
    path: str
    """As the workflow names it: GitHub makes it part of the version."""
    scope: str
    """Git reference of the run that saved it."""
    file: Path


@dataclass
class Caches:
    """Caches: keys are immutable, and belong to the reference that saved them.

    https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching
    """

    folder: Path
    entries: list[Entry] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Keys that could not be saved."""

    def save(self, key: str, path: str, file: Path, scope: str, *, may_write: bool) -> bool:
        taken = any((one.key, one.path, one.scope) == (key, path, scope) for one in self.entries)
        if taken or not may_write or not file.exists():
            self.refused.append(key)
            return False
        stored = self.folder / str(len(self.entries))
        stored.parent.mkdir(parents=True, exist_ok=True)
        _copy(file, stored)
        self.entries.append(Entry(key, path, scope, stored))
        return True

    def restore(self, keys: list[str], path: str, target: Path, scopes: list[str]) -> str:
        """Restore the first hit: by scope, by key; the key itself, then the newest by prefix."""
        for scope in scopes:
            visible = [one for one in self.entries if (one.scope, one.path) == (scope, path)]
            for at, key in enumerate(keys):
                exact = [one for one in visible if one.key == key]
                hits = exact or [one for one in visible if at and one.key.startswith(key)]
                if hits:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _copy(hits[-1].file, target)
                    return hits[-1].key
        return ""


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


@dataclass
class Artifacts:
    """Artifacts: of one run by name, and all of them over the REST API."""

    server: GitHubServer
    by_run: dict[int, dict[str, int]] = field(default_factory=dict)

    def upload(
        self, run_id: int, name: str, path: Path, *, overwrite: bool, head_sha: str, head_repo: int
    ) -> int | None:
        """Store files as an artifact; return its number, None if there was no file."""
        names = self.by_run.setdefault(run_id, {})
        assert overwrite or name not in names, f"409: an artifact {name} exists already"
        assert not set('":<>|*?\r\n\\/') & set(name), f"{name!r} is no name of an artifact"
        files = (
            [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
        )
        if not files:
            return None
        root = path.parent if path.is_file() else path
        shown = [one for one in files if not one.name.startswith(".")]
        data = zipped({str(one.relative_to(root)): one.read_bytes() for one in shown})
        stored = self.server.put(data, name=name, head_sha=head_sha, head_repository_id=head_repo)
        names[name] = stored.number
        return stored.number

    def download(self, run_id: int, name: str, pattern: str, target: Path) -> int:
        """Unpack one artifact into a folder; of several that fit a pattern each into its own.

        A pattern that fits one alone counts as its name since download-artifact v5:
        https://github.com/actions/download-artifact/blob/v8.0.1/README.md
        """
        names = self.by_run.get(run_id, {})
        wanted = [name] if name else [one for one in names if fnmatch.fnmatchcase(one, pattern)]
        for one in wanted:
            assert one in names, f"there is no artifact {one}"
            data = self.server.artifacts[names[one] - 1].data
            into = target if len(wanted) == 1 else target / one
            into.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                archive.extractall(into)
        return len(wanted)
