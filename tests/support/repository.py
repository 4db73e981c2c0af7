"""Real git repositories for tests, untouched by the configuration of whoever runs them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nexus.impact.changes import find_change

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Change

_CI = ("CI", "GITHUB_", "BITBUCKET_", "BUILDKITE", "CIRCLE", "SYSTEM_", "BUILD_", "CHANGE_", "GIT_")


def environment(**extra: str) -> dict[str, str]:
    """This process' environment without its CI and git settings, with `extra` on top."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CI)}
    kept.pop("BRANCH_NAME", None)
    return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | extra


@dataclass(frozen=True)
class Repository:
    """A working tree with its git commands."""

    root: Path

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git here and return what it prints, stripped."""
        settings = (
            *("-c", "user.name=Nex", "-c", "user.email=nex@example.org"),
            *("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"),
        )
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.root,
            env=environment(),
            capture_output=True,
            check=check,
        )
        return done.stdout.decode().strip()

    def write(self, path: str, text: str = "x\n") -> Path:
        """Write a file, with the folders it needs; a script may be executed."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        if text.startswith("#!"):
            file.chmod(0o755)
        return file

    def commit(self, **files: str) -> str:
        """Write files (`__` stands for `/`, a final `_py` for `.py`), commit all; its id."""
        for name, text in files.items():
            self.write(name.replace("__", "/").replace("_py", ".py"), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "work")
        return self.git("rev-parse", "HEAD")

    def change(self, base: str | None = None, folder: str = ".", **environ: str) -> Change:
        """What nexus finds here, the CI's variables given by name."""
        return find_change(self.root / folder, base, environment(**environ))


def init(folder: Path) -> Repository:
    """Make an empty repository on the branch main."""
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder)
    repository.git("init", "--quiet")
    return repository


def clone(origin: Repository, folder: Path, *arguments: str) -> Repository:
    """Clone over the file protocol, which makes `--depth` count."""
    origin.git("clone", "--quiet", *arguments, origin.root.as_uri(), str(folder))
    return Repository(folder)


def paths(change: Change) -> list[str]:
    """The paths of a change, in its order."""
    return [file.path for file in change.files]
