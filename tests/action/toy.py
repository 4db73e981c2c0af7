"""A small repository on the miniature GitHub: commits, pull requests, forks."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_nexus.history.sqlite.selection_tables import StoredCut
from pytest_nexus.history.store import History, open_history, read_history
from pytest_nexus.plan.selection.promise import FailingRun
from tests.action.runner import GitHub
from tests.action.values import Event, WorkflowRun
from tests.support.repository import environment, init

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.github_server import GitHubServer

SUITE = {
    "shop/__init__.py": "",
    "shop/prices.py": "def with_tax(price):\n    return price * 1.25\n",
    "tests/test_prices.py": (
        "from shop.prices import with_tax\n\n\ndef test_with_tax():\n"
        "    assert with_tax(100) == 125\n\n\ndef test_nothing():\n    assert with_tax(0) == 0\n"
    ),
    "tests/test_catalog.py": (
        "import time\n\nimport pytest\n\n\n@pytest.mark.parametrize('n', range(8))\n"
        "def test_item(n):\n    time.sleep(n / 50)\n    assert n >= 0\n"
    ),
}
CONFTEST = {
    "conftest.py": (
        "import sys\nfrom pathlib import Path\n\nsys.path.insert(0, str(Path(__file__).parent))\n"
    )
}


class Toy:
    """The repository `octo/repo`, and what happens to it."""

    def __init__(
        self, base: Path, server: GitHubServer, files: Mapping[str, str] = SUITE | CONFTEST
    ) -> None:
        self.origin = init(base / "origin")
        self.server = server
        self.github = GitHub(base, self.origin, server)
        self.base = base
        self.requests: list[str] = []
        """Branches of the pull requests, in the order of their numbers from 1."""
        self.commit(files)

    def init(self, *arguments: str) -> str:
        """Call `nexus init` in the repository, and commit what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest_nexus.cli.main", "init", *arguments],
            cwd=self.origin.root, env=environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.commit({})
        return done.stdout

    @property
    def workflow(self) -> str:
        return (self.origin.root / ".github" / "workflows" / "tests.yml").read_text("utf-8")

    def commit(self, files: Mapping[str, str], branch: str = "main") -> str:
        """Commit files on a branch, and return its id; the branch main is left checked out."""
        if branch != "main":
            exists = self.origin.git("branch", "--list", branch)
            self.origin.git("checkout", "--quiet", *(() if exists else ("-b",)), branch)
        for path, text in files.items():
            self.origin.write(path, text)
        commit = self.origin.commit()
        self.origin.git("checkout", "--quiet", "main")
        return commit

    def push(self, text: str | None = None, **event: Any) -> WorkflowRun:
        """Run the workflow for the newest commit of main."""
        sha = self.origin.git("rev-parse", "main")
        return self.github.run(text or self.workflow, Event("push", sha, **event))

    def schedule(self) -> WorkflowRun:
        return self.github.run(
            self.workflow, Event("schedule", self.origin.git("rev-parse", "main"))
        )

    def request(
        self, branch: str, *, is_fork: bool = False, text: str | None = None
    ) -> WorkflowRun:
        """Run the workflow on the merge of a pull request; the first time it is opened."""
        if branch not in self.requests:
            self.requests.append(branch)
        number = self.requests.index(branch) + 1
        ref = f"refs/pull/{number}/merge"
        head = self.origin.git("rev-parse", branch)
        self.origin.git("checkout", "--quiet", "--detach", "main")
        self.origin.git("merge", "--quiet", "--no-ff", "--no-edit", branch)
        sha = self.origin.git("rev-parse", "HEAD")
        self.origin.git("update-ref", ref, sha)
        self.origin.git("checkout", "--quiet", "main")
        event = Event(
            "pull_request", sha, ref, head_sha=head, head_ref=branch, base_ref="main",
            number=number, is_fork=is_fork,
        )  # fmt: skip
        return self.github.run(text or self.workflow, event)

    def queue(self, branch: str) -> WorkflowRun:
        """Run the workflow as the merge queue does, on a branch that holds the merge."""
        base, name = self.origin.git("rev-parse", "main"), f"gh-readonly-queue/main/{branch}"
        self.origin.git("checkout", "--quiet", "-b", name)
        self.merge(branch)
        sha = self.origin.git("rev-parse", "HEAD")
        self.origin.git("checkout", "--quiet", "main")
        event = Event("merge_group", sha, f"refs/heads/{name}", base_sha=base)
        return self.github.run(self.workflow, event)

    def merge(self, branch: str) -> str:
        self.origin.git("merge", "--quiet", "--no-ff", "--no-edit", branch)
        return self.origin.git("rev-parse", "main")

    def promise(self, confidence: float = 0.9) -> None:
        """Save a history for all jobs: one run, and the evidence for a promise."""
        file = self.base / "promised.sqlite3"
        arguments = ("-p", "no:cacheprovider", "-q", "--nexus", f"--nexus-history={file}")
        command = [sys.executable, "-m", "pytest", *arguments]
        subprocess.run(
            command, cwd=self.origin.root, env=environment(), check=True, capture_output=True
        )
        self.origin.git("clean", "--quiet", "-fdx")
        now = time.time()
        evidence = [FailingRun(now - 60.0 * at, 0.1, (0.1,)) for at in range(60, 0, -1)]
        with open_history(file) as history:
            cut = StoredCut(confidence, 0.1, 0.5 - confidence / 2, 60, 10, now, now + 1e6)
            history.selection.keep(evidence, [cut])
        path = "./.nexus/slim/history.sqlite3"
        self.github.caches.save("nexus-slim-1", path, file, "refs/heads/main", may_write=True)

    @contextmanager
    def history(self) -> Iterator[History]:
        """The history as the station saved it last."""
        newest = [one for one in self.github.caches.entries if "-full-" in one.key][-1]
        copy = self.base / "seen.sqlite3"
        copy.write_bytes(newest.file.read_bytes())
        found = read_history(copy)
        assert found is not None
        with found:
            yield found

    @property
    def comments(self) -> dict[int, list[str]]:
        return {n: [one["body"] for one in each] for n, each in self.server.comments.items()}
