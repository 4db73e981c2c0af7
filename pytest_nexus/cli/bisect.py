"""`nexus bisect`: find the commit that broke a test, in few runs."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.options import add_search_options, positive, probability, seconds
from pytest_nexus.cli.bisect_ends import Ends, find_ends, forecast_scores
from pytest_nexus.cli.output.culprit import CulpritResult
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.errors import HuntError
from pytest_nexus.launch.culprit_runs import past_commits, worktree
from pytest_nexus.launch.culprit_runs.run_at import Question, RunnerAt
from pytest_nexus.launch.kept.kept_answers import answers_path, kept_answers, stamp_of
from pytest_nexus.plan.culprit.beliefs import NOISE_OF_TIMES, not_broken_after, prior_of
from pytest_nexus.plan.culprit.commit_graph import lineage_of
from pytest_nexus.plan.culprit.hunting import CONFIDENCE, Hunting, most_runs
from pytest_nexus.project import add_history_option, project_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from pytest_nexus.domain.system.git import Git
    from pytest_nexus.launch.culprit_runs.past_commits import PastCommit
    from pytest_nexus.launch.kept.kept_answers import KeptAnswer
    from pytest_nexus.launch.kept.kept_file import KeptFile
    from pytest_nexus.plan.culprit.beliefs import Answer

_EVEN: Final = 0.5
"""Probability that the test is not broken, before the results of past runs are counted."""


_OF_FAILURES: Final[dict[Answer, str]] = {
    "failed": "failed", "passed": "passed", "unknown": "unknown",
}  # fmt: skip
_OF_TIMES: Final[dict[Answer, str]] = {"failed": "slow", "passed": "quick", "unknown": "unknown"}


@dataclass(slots=True)
class _Search:
    """A search in progress."""

    hunting: Hunting
    kept: KeptFile[KeptAnswer]
    commits: list[PastCommit]
    n_allowed: int
    """Number of runs that may still start."""
    ends_at: float | None
    """Moment on `clock.perf_counter`; None for no limit."""
    is_quiet: bool
    words: Mapping[Answer, str]
    """What to call the answers."""
    told: list[KeptAnswer] = field(default_factory=list)
    n_new: int = 0
    """Number of answers that this call found."""

    def recall(self) -> None:
        """Use the answers of an interrupted call."""
        for each in self.kept.rows:
            if each.commit in self._places:  # others stand there only if somebody edited the file
                self._tell(each)

    def run(self, runner: RunnerAt) -> bool:
        """Run the test until there is a verdict; False if a limit ended the search first."""
        while (place := self._place()) is not None:
            left_s = None if self.ends_at is None else self.ends_at - clock.perf_counter()
            if self.n_allowed < 1 or (left_s is not None and left_s <= 0):
                return False
            self.n_allowed -= 1
            answer = runner.run(self.commits[place].commit, left_s)
            if answer is None:
                return False
            self.kept.add(answer)
            self.n_new += 1
            self._tell(answer)
        return True

    def _place(self) -> int | None:
        """Return the next commit; the bad one, if the first run had no result."""
        last = len(self.commits) - 1
        if self.told and all(each.answer == "unknown" for each in self.told):
            if last in self.hunting.unknown:
                raise HuntError(
                    "NX655",
                    f"the test gives no result at the bad commit {self.commits[last].commit[:12]}:"
                    f" {self.told[-1].why}",
                )
            return last
        return self.hunting.place

    def _tell(self, answer: KeptAnswer) -> None:
        self.told.append(answer)
        self.hunting = self.hunting.tell(self._places[answer.commit], answer.answer)
        if self.is_quiet:
            return
        because = f": {answer.why}" if answer.answer == "unknown" and answer.why else ""
        likeliest = self.hunting.verdict
        say(
            f"run {len(self.told)}: {answer.commit[:12]}: {self.words[answer.answer]}"
            f" in {answer.seconds:.1f} s"
            f"{because}; the likeliest commit has {percent(likeliest.probability, 0)}"
        )

    @property
    def _places(self) -> dict[str, int]:
        return {each.commit: at for at, each in enumerate(self.commits)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("nodeid", metavar="NODEID", help="the test that broke")
    parser.add_argument(
        "--good", metavar="COMMIT", help="where it passed (default: its last pass in the history)"
    )
    parser.add_argument(
        "--bad", metavar="COMMIT", help="where it fails (default: its newest failure there)"
    )
    parser.add_argument(
        "--slower-than", type=seconds, metavar="TIME",
        help="find the commit since which the call of the test takes longer than this",
    )  # fmt: skip
    parser.add_argument(
        "--confidence", type=probability, default=CONFIDENCE, metavar="P",
        help=f"probability at which the search stops (default: {CONFIDENCE})",
    )  # fmt: skip
    parser.add_argument("--runs", type=positive, metavar="N", help="largest number of runs")
    add_search_options(parser, unit="run")
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Search; return 0 if a commit was found, or if no commit broke the test; else 1."""
    ends_at = None if options.budget is None else clock.perf_counter() + options.budget
    git = past_commits.git_in(project_root(Path.cwd()), originals.environ)
    if options.slower_than is not None and not (options.good and options.bad):
        raise HuntError("NX650", "--slower-than needs --good and --bad: name a commit where the"
                        " test is quick, and one where it is slow")  # fmt: skip
    ends = find_ends(options, git)
    if options.slower_than is not None:
        ends = ends._replace(noise=NOISE_OF_TIMES)
    commits = past_commits.commits_between(git, ends.good, ends.bad)
    asked = [] if options.slower_than is None else [f"slower than {options.slower_than!r}"]
    stamp = stamp_of(ends.nodeid, ends.good, ends.bad, [*asked, *options.pytest_args])
    kept = kept_answers(answers_path(options.history, ends.nodeid), stamp)
    _clear_left(kept, git, is_forced=options.forget)
    if options.forget:
        kept.forget()
    search = _Search(
        _hunting(options, ends, commits), kept, commits,
        options.runs or most_runs(len(commits)), ends_at, options.json,
        _OF_FAILURES if options.slower_than is None else _OF_TIMES,
    )  # fmt: skip
    search.recall()
    try:
        is_finished = _search_in_worktree(options, search, ends)
    except HuntError:
        kept.forget()
        raise
    result = _result(search, ends, is_finished=is_finished, slower_than_s=options.slower_than)
    if is_finished:
        kept.forget()
    if options.json:
        print_json(result.fields())
    else:
        say(*result.sentences())
    return 0 if result.status in ("found", "not broken") else 1


def _clear_left(kept: KeptFile[KeptAnswer], git: Git, *, is_forced: bool) -> None:
    """Remove the worktree of a killed command.

    Raises:
        HuntError: the command seems to run still, and nobody insists.
    """
    pid = worktree.owner_of(kept.left_folder)
    if pid and not is_forced and worktree.is_running(pid):
        raise HuntError(
            "NX663",
            f"a search for this test is still running as process {pid}; wait for its end, or call"
            " this with --forget if that process is another one by now",
        )
    if kept.left_folder:
        worktree.remove(git, Path(kept.left_folder))
        kept.name_folder("")


def _hunting(options: argparse.Namespace, ends: Ends, commits: list[PastCommit]) -> Hunting:
    """Return the search before its first run: what the model and past runs say."""
    lineage = lineage_of([(each.commit, each.parents) for each in commits])
    scores = forecast_scores(options.history, ends.nodeid, [each.change for each in commits])
    not_broken = _EVEN if ends.results else not_broken_after(1, ends.noise)
    hunting = Hunting(lineage, tuple(prior_of(scores, not_broken)), ends.noise, options.confidence)
    places = {each.commit: at for at, each in enumerate(commits)}
    for result in ends.results:
        if result.commit in places:
            hunting = hunting.tell(places[result.commit], result.answer)
    return hunting


def _search_in_worktree(options: argparse.Namespace, search: _Search, ends: Ends) -> bool:
    """Search in a worktree, which is removed whatever happens; its name is stored before."""
    root = project_root(Path.cwd())
    git = past_commits.git_in(root, originals.environ)
    prefix, top = past_commits.prefix_of(git), Path(past_commits.top_of(git))
    if not options.json:
        say(_question(options, search, ends))
    folder = worktree.new_folder()
    search.kept.name_folder(str(folder))
    tree = worktree.Worktree(git, top, prefix, folder)
    try:
        with _terminable():
            tree.open(ends.bad)
            files = folder / "session"  # removed with the worktree, even after a kill
            files.mkdir()
            question = Question(
                root, prefix, ends.nodeid, ends.bad, options.pytest_args, options.slower_than
            )
            runner = RunnerAt(question, tree, files)
            return search.run(runner)
    finally:
        worktree.remove(past_commits.git_in(root, originals.environ), folder)
        search.kept.name_folder("")


def _question(options: argparse.Namespace, search: _Search, ends: Ends) -> str:
    among = f"among {counted(len(search.commits), 'commit')}"
    if options.slower_than is not None:
        return (
            f"{ends.nodeid} became slower than {options.slower_than:g} s {among}:"
            f" after {ends.good[:12]}, and up to {ends.bad[:12]}"
        )
    return (
        f"{ends.nodeid} broke {among}: it passed at {ends.good[:12]} and fails at {ends.bad[:12]}"
    )


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to end the command clean up, as Ctrl-C does."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _result(
    search: _Search, ends: Ends, *, is_finished: bool, slower_than_s: float | None
) -> CulpritResult:
    failures = [each.why for each in search.told if each.answer == "failed" and each.why]
    return CulpritResult(
        ends.nodeid,
        search.hunting.verdict,
        search.commits,
        ends.good,
        ends.bad,
        is_finished,
        search.n_new,
        len(search.told),
        sum(each.answer == "unknown" for each in search.told),
        sum(each.seconds for each in search.told),
        ends.noise.false_alarm,
        failures[-1] if failures else "",
        slower_than_s,
    )
