"""`nexus demo`: replay real runs, then show how a failure moves to the front of a real suite."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.backtest.builds import FOLDER, find_folder, projects, read_builds, read_texts
from pytest_nexus.backtest.kept_builds import keep_builds
from pytest_nexus.backtest.orders import SEEDS, Score, Scored, mean, replay
from pytest_nexus.backtest.showcase import RUNS, show_failure_moving
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.forecast.forecaster import Texts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.backtest.builds import Build
    from pytest_nexus.backtest.showcase import OutcomeInRun

_TITLES: Final = {
    "collection": "collection order",
    "random": f"random, mean of {SEEDS}",
    "--ff": "--ff, last failed first",
    "fastest first": "fastest first",
    "nexus static": "nexus, order as planned",
    "nexus": "nexus, learning within the run",
}

_EXPLANATION: Final = """
Real builds are runs of the projects' own suites on real commits, in which a change was unfinished
or an old bug was back. Mutants are synthetic: a machine planted a small fault in a function that
the commit had changed. A failing build mostly follows a passing one here, which leaves --ff little
to go by. fastest first runs new tests first, as pytest-ranking does. The shipped model was fitted
to these projects; `nexus evaluate --data` judges it on each with that one left out."""


@dataclass(frozen=True, slots=True)
class Result:
    """Mean scores over the failing builds of one kind, by project and order."""

    n_builds: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Score]]

    def overall(self, order: str) -> Score:
        """Return the mean over the projects, with equal weights."""
        return mean(by_order[order] for by_order in self.scores.values())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help=f"folder of the recorded builds (default: ./{FOLDER}, else that of the checkout)",
    )
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="only write the builds of one project as a new history, to try other commands on",
    )
    parser.add_argument(
        "--project", metavar="NAME", help="with --keep: which project (default: the first one)"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run both parts; every printed figure comes from this run."""
    if options.keep is not None:
        return _keep(options)
    folder = find_folder(options.data)
    if folder is None:
        where = options.data or f"./{FOLDER} or beside the package"
        warn(with_code("NX152", f"nexus: no recorded builds in {where}; the replay is left out"))
    scored = {} if folder is None else _replayed(folder, is_quiet=options.json)
    results = {name: _result(scored, is_mutant=name == "mutants") for name in ("real", "mutants")}
    if scored and not options.json:
        _print_results(results)
    with TemporaryDirectory(prefix="nexus-demo-", ignore_cleanup_errors=True) as root:
        sightings = show_failure_moving(Path(root))
    if options.json:
        print_json(_as_json(results, sightings))
    else:
        _print_sightings(sightings)
    return 0


def _keep(options: argparse.Namespace) -> int:
    """Write the builds of one project as a history."""
    found = keep_builds(find_folder(options.data), options.project, Path(options.keep))
    if options.json:
        print_json(found._asdict())
        return 0
    say(
        f"{found.project}: {counted(found.runs, 'recorded build')} and"
        f" {counted(found.attempts, 'attempt')} kept as a history in {options.keep}"
    )
    return 0


def _replayed(folder: Path, *, is_quiet: bool) -> dict[str, list[Scored]]:
    scored = {}
    names = list(projects(folder))
    with ProgressBar("projects replayed", is_quiet=is_quiet) as bar:
        for number, project in enumerate(names, 1):
            scored[project] = list(replay(read_builds(folder, project), texts_of(folder, project)))
            bar(number, len(names))
    return scored


def texts_of(folder: Path, project: str) -> Callable[[Build], Texts]:
    """Return a function from a build to the words of its change and of the project's tests."""
    known = read_texts(folder, project)
    return lambda build: Texts(known.words(build), known.tests)


def _result(scored: Mapping[str, Sequence[Scored]], *, is_mutant: bool) -> Result:
    kept = {
        project: [each.scores for each in builds if each.is_mutant == is_mutant]
        for project, builds in scored.items()
    }
    kept = {project: builds for project, builds in kept.items() if builds}
    return Result(
        {project: len(builds) for project, builds in kept.items()},
        {
            project: {order: mean(build[order] for build in builds) for order in builds[0]}
            for project, builds in kept.items()
        },
    )


def _print_results(results: Mapping[str, Result]) -> None:
    real, mutants = results["real"], results["mutants"]
    say(f"Failing real builds ({_counts(real)}), each ordered by what was known before it", "")
    say("Share of the run until the first failure has ended (0 is best)")
    _print_by_project(real, "first_failure")
    say("", "APFDc: how early all failures come, by time (1 is best)")
    _print_by_project(real, "apfdc")
    if mutants.scores:
        say("", f"Synthetic mutants ({_counts(mutants)}), mean of the projects")
        rows = [
            {"order": title} | _figures(mutants.overall(order)) for order, title in _TITLES.items()
        ]
        print_table(rows, ("order", "first_failure", "apfdc"))
    say(*_EXPLANATION.split("\n"))


def _figures(score: Score) -> dict[str, object]:
    """Return the metrics that the demo shows, by name."""
    return {"first_failure": score.first_failure, "apfdc": score.apfdc}


def _print_by_project(result: Result, figure: str) -> None:
    rows: list[dict[str, object]] = []
    for order, title in _TITLES.items():
        row: dict[str, object] = {"order": title}
        for project, by_order in result.scores.items():
            row[project] = getattr(by_order[order], figure)
        row["mean"] = getattr(result.overall(order), figure)
        rows.append(row)
    print_table(rows, ("order", *result.scores, "mean"))


def _counts(result: Result) -> str:
    return ", ".join(f"{project} {n}" for project, n in result.n_builds.items())


def _print_sightings(sightings: Sequence[OutcomeInRun]) -> None:
    first = sightings[0]
    say("", f"A suite of {first.n_tests} tests with a bug planted, run through the plugin:")
    rows = [
        {
            "run": title,
            "first failure": sighting.nodeid,
            "test": f"{sighting.position} of {sighting.n_tests}",
            "after": f"{sighting.seconds:.2f} s of {sighting.total_s:.2f} s",
        }
        for title, sighting in zip(RUNS, sightings, strict=True)
    ]
    print_table(rows, ("run", "first failure", "test", "after"))


def _as_json(results: Mapping[str, Result], sightings: Sequence[OutcomeInRun]) -> dict[str, Any]:
    return {
        "replay": {
            name: {
                "n_builds": result.n_builds,
                "scores": {
                    project: {order: _figures(score) for order, score in by_order.items()}
                    for project, by_order in result.scores.items()
                },
            }
            for name, result in results.items()
        },
        "showcase": [asdict(sighting) for sighting in sightings],
    }
