"""A small project's life on GitHub: commits, pull requests, a fork, accidents."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.history.journal import JournalWriter
from pytest_nexus.records import PhaseResult
from tests.action.runner import never
from tests.support.builders import attempt, failure, run
from tests.support.github_server import FORK_ID, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.action.toy import Toy
    from tests.action.values import WorkflowRun

BROKEN: Final = {"shop/prices.py": "def with_tax(price):\n    return price * 0.25\n"}
MENDED: Final = {"shop/prices.py": "def with_tax(price):\n    return price * 1.25\n"}
FLAKY: Final = {
    "tests/test_network.py": (
        "import os\n\n\ndef test_answers():\n"
        "    assert os.environ['GITHUB_RUN_ATTEMPT'] != '1' or not os.path.exists('flaky.txt')\n"
    ),
}


def _quietly(line: str) -> None:
    pass


@dataclass
class Chapter:
    """One event and what came of it."""

    title: str
    run: WorkflowRun
    facts: dict[str, object] = field(default_factory=dict)


@dataclass
class Story:
    """All that happened."""

    toy: Toy
    chapters: list[Chapter] = field(default_factory=list)
    say: Callable[[str], None] = _quietly

    def tell(self, title: str, run: WorkflowRun, **facts: object) -> WorkflowRun:
        with self.toy.history() as history:
            facts |= {
                "runs": history.count_runs(),
                "forks": len(history.runs_of_forks()),
                "stats": history.stats(),
            }
        self.chapters.append(Chapter(title, run, facts))
        self.say(f"{len(self.chapters):2}. {title}: {run.conclusion}; {facts['runs']} runs known")
        return run

    def __getitem__(self, title: str) -> Chapter:
        (found,) = [one for one in self.chapters if one.title == title]
        return found


def live(toy: Toy, say: Callable[[str], None] = _quietly) -> Story:
    """Live through the story."""
    story = Story(toy, say=say)
    toy.init()
    toy.commit({".github/workflows/tests.yml": f'{toy.workflow}    with: {{shards: "2"}}\n'})
    story.tell("the first push", toy.push())
    toy.commit({"shop/stock.py": "LEFT = 3\n"})
    story.tell("another push", toy.push())

    toy.commit(BROKEN, "cheaper")
    story.tell("a pull request that breaks a test", toy.request("cheaper"))
    toy.commit(MENDED, "cheaper")
    story.tell("it is mended", toy.request("cheaper"))

    toy.commit({"tests/test_forked.py": "def test_forked():\n    pass\n"}, "forked")
    story.tell("a pull request from a fork", toy.request("forked", is_fork=True))
    forge(toy)
    toy.commit({"README.md": "A shop.\n"})
    story.tell("a push after forged journals", toy.push())

    toy.merge("forked")
    story.tell("the fork is merged", toy.push())

    toy.commit({**FLAKY, "flaky.txt": ""})
    failed = story.tell("a flaky test fails", toy.push())
    story.tell("its job is run again", toy.github.rerun_failed(failed))
    (toy.origin.root / "flaky.txt").unlink()
    toy.commit({"shop/stock.py": "LEFT = 4\n"})

    toy.github.cancel = lambda job, step: job == "station" and step.get("name") == "Learn"
    story.tell("a push whose station is cancelled", toy.push())
    toy.github.cancel = never
    story.tell("the nightly station", toy.schedule())

    toy.commit(BROKEN)
    story.tell("main is broken", toy.push())
    toy.commit({"docs.md": "x\n"}, "docs")
    story.tell("a pull request while main is broken", toy.request("docs"))
    toy.commit(MENDED)
    story.tell("main is mended", toy.push())
    return story


def forge(toy: Toy) -> None:
    """Upload journals as a fork could: results that never were, of tests and runs that are."""
    with toy.history() as history:
        newest = history.runs()[0].run
        keys = list(history.stats())
    slow = PhaseResult("failed", 3000.0)
    lies = [attempt(key, "failed", failure=failure(), call_s=slow.duration_s) for key in keys]
    lies.append(attempt("tests/test_never.py::test_was", "failed", failure=failure()))
    for uid, started_at in ((int(newest.run_uid, 16), newest.started_at), (77, 4e9)):
        forged = run(uid, started_at, commit=newest.change.commit, ci_number=10**9)
        writer = JournalWriter.create(toy.base / "forged", forged)
        for one in lies:
            writer.attempt(one)
        writer.end(1.0, 1, complete=True)
        writer.close()
        toy.server.put(
            zipped({"../../../.nexus/journal/a.jsonl": writer.path.read_bytes()}),
            head_repository_id=FORK_ID,
            head_sha="f" * 40,
        )


def write(story: Story, folder: Path) -> None:
    """Leave the summaries, comments and annotations in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    index = ["# A story in summaries\n"]
    for number, one in enumerate(story.chapters, 1):
        index.append(f"{number}. [{one.title}]({number:02}.md): {one.run.conclusion}")
        text = "".join(job.summary for job in one.run.jobs.values())
        notes = "\n".join(one.run.annotations)
        text += f"\n\nAnnotations:\n\n```text\n{notes}\n```\n" if notes else ""
        (folder / f"{number:02}.md").write_text(f"# {one.title}\n\n{text}", encoding="utf-8")
    for number, bodies in story.toy.comments.items():
        for body in bodies:
            (folder / f"comment-on-{number}.md").write_text(body, encoding="utf-8")
    (folder / "index.md").write_text("\n".join(index) + "\n", encoding="utf-8")
    (folder / "counts.json").write_text(
        json.dumps([[one.title, one.facts["runs"], one.facts["forks"]] for one in story.chapters]),
        encoding="utf-8",
    )
