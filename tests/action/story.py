"""A small project's life on GitHub: commits, pull requests, a fork, accidents."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import ChangedFile
from pytest_nexus.journal.writer import JournalWriter
from tests.action.runner import never
from tests.support.builders import attempt, failure, run
from tests.support.forks import runs_of_forks
from tests.support.github_server import FORK_ID, zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run
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
QUEUE: Final = {
    "tests/test_queue.py": (
        "import os\nfrom pathlib import Path\n\n\ndef test_drains():\n"
        "    mark = Path(os.environ['RUNNER_TEMP'], 'seen')\n    if not mark.exists():\n"
        "        mark.touch()\n        raise ConnectionError('queue is busy')\n\n\n"
        "def test_stub():\n    assert not 'connected'\n"
    ),
    "nexus-quarantine.toml": (
        '[[quarantine]]\nid = "tests/test_queue.py::test_stub"\nreason = "the stub drops'
        ' connections"\nowner = "@queue"\nsince = 2026-03-01\n'
    ),
}
EARLIER_RUNS: Final = 30


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
                "forks": len(runs_of_forks(history)),
                "stats": history.stats(),
                "recoveries": history.recoveries(),
                "flaky": set(history.flaky_stats()),
                "failing": history.failing(),
                "champion": history.models.champion(),
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

    toy.commit(QUEUE, "queue")
    story.tell("a pull request with a flaky test and one in quarantine", toy.request("queue"))

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
    earlier(toy)
    story.tell("main is mended, and an earlier CI's journals come in", toy.push())
    toy.commit({"shop/catalog.py": "ITEMS = 8\n"})
    story.tell("a push in the order of the new model", toy.push())
    return story


def earlier(toy: Toy) -> None:
    """Upload the journals of a suite in which changes of the catalog broke the prices.

    Names alone say the contrary, and no test fails twice, so that a record of failures is no help:
    a model that learned which files break which tests is better by far than one that did not.
    """
    random = Random(4)
    catalog = [f"tests/test_catalog.py::test_old_{number}" for number in range(40)]
    prices = [f"tests/test_prices.py::test_old_{number}" for number in range(EARLIER_RUNS)]
    in_turn = random.sample(prices, len(prices))
    for uid in range(1, EARLIER_RUNS + 1):
        about = run(5000 + uid, 1e9 + uid * 86400, commit=f"{uid:040x}")
        change = about.change._replace(files=(ChangedFile("shop/catalog.py", "M", 3, 1),))
        broken = in_turn[uid - 1]
        attempts = [
            attempt(key, "failed", failure=failure()) if key == broken else attempt(key)
            for key in catalog + prices
        ]
        data = journal(toy.base / "earlier", about._replace(change=change), attempts)
        toy.server.put(zipped({"a.jsonl": data}))


def journal(folder: Path, about: Run, attempts: Iterable[Attempt]) -> bytes:
    """The content of a journal."""
    writer = JournalWriter.create(folder, about)
    for one in attempts:
        writer.attempt(one)
    writer.end(1.0, 1, complete=True)
    writer.close()
    return writer.path.read_bytes()


def forge(toy: Toy) -> None:
    """Upload journals as a fork could: results that never were, of tests and runs that are.

    Failures that took an hour; failures that went away in a rerun, after a minute; tests that are
    called quarantined; a run that claims to be another, and one that claims to be the newest.
    """
    with toy.history() as history:
        newest = history.runs()[0].run
        keys = list(history.stats())
    lies = [attempt(key, "failed", failure=failure(), call_s=3000.0) for key in keys]
    lies.append(attempt("tests/test_never.py::test_was", "failed", failure=failure()))
    healed = [attempt(key, number=2, started_s=3060.0) for key in keys[::2]]
    quarantined = [one._replace(quarantined=True) for one in lies[1::2]]
    for uid, started_at in ((int(newest.run_uid, 16), newest.started_at), (77, 4e9)):
        forged = run(uid, started_at, commit=newest.change.commit, ci_number=10**9)
        data = journal(toy.base / "forged", forged, [*lies[::2], *quarantined, *healed])
        toy.server.put(
            zipped({"../../../.nexus/journal/a.jsonl": data}),
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
