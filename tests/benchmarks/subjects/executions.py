"""Whether what tests execute finds faults in real commits sooner."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.evaluation.evaluate import forgotten, scores_of
from pytest_nexus.predictor.evaluation.metrics import mean
from pytest_nexus.predictor.schema import OF_EXECUTIONS

from pytest_nexus.backtest.recorded_executions import TRACKED
from pytest_nexus.backtest.shipped_model import with_executions
from pytest_nexus.forecast.stored_models import shipped
from tests.benchmarks.peers import ROOT
from tests.benchmarks.planted_faults import planted_faults
from tests.benchmarks.table import Table
from tests.benchmarks.watched_sessions import Project

if TYPE_CHECKING:
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "faults in commits of the git repositories in the folder that EXECUTED_REPOSITORIES names"

_PEER: Final = "nexus-projects"
_COMMITS: Final = 14
_FAULTS: Final = 3
_PLACES: Final[dict[str, tuple[str, str]]] = {
    "boltons": ("boltons", "tests"),
    "pluggy": ("src", "testing"),
}
_ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "boltons": ("tests",),
    # pytest-benchmark starts a process, and pluggy is on the stack
    "pluggy": ("-p", "no:benchmark", "--ignore=testing/benchmark.py"),
}


def measure(bench: Bench) -> list[Table]:
    """Plant faults in the commits of each repository; without a folder there is nothing to measure.

    A repository is `NAME` or `NAME/repo`. EXECUTED_COMMITS is another number of commits.
    """
    folder = os.environ.get("EXECUTED_REPOSITORIES")
    if not folder or bench.is_quick:
        return []
    rows: list[dict[str, Cell]] = []
    for name, places in _PLACES.items():
        place = Path(folder) / name
        origin = place / "repo" if (place / "repo").is_dir() else place
        if origin.is_dir():
            rows += _rows(name, _project(bench, name, origin), places)
    note = (
        "Means over the faults: APFDc, and the share of the seconds until the first failure. The"
        " weights of what tests execute were fitted to mutants of other projects."
    )
    return [Table("faults in commits", rows, note)]


def _project(bench: Bench, name: str, origin: Path) -> Project:
    folder = bench.folder / name
    subprocess.run(("git", "clone", "--quiet", str(origin), str(folder)), check=True)
    ignored = "__pycache__/\n.nexus/\n.pytest_cache/\n.hypothesis/\n"
    (folder / ".git/info/exclude").write_text(ignored, encoding="utf-8")
    tools = folder.with_name(f"{name}-tools")
    return Project(folder, bench.required(_PEER), _ARGUMENTS[name], tools)


def _rows(name: str, project: Project, places: tuple[str, str]) -> list[dict[str, Cell]]:
    n_commits = int(os.environ.get("EXECUTED_COMMITS", _COMMITS))
    found = list(planted_faults(project, places, n_commits, _FAULTS))
    model = with_executions(shipped(), ROOT / "sample_history" / TRACKED, without=name)
    groups = {
        "all": [each.case for each in found],
        "a new test fails": [each.case for each in found if each.n_new],
        "no new test fails": [each.case for each in found if not each.n_new],
    }
    return [_row(name, group, cases, model) for group, cases in groups.items() if cases]


def _row(name: str, group: str, cases: list[Case], model: Model) -> dict[str, Cell]:
    row: dict[str, Cell] = {"project": name, "faults": group, "number": len(cases)}
    static = replace(model, failure_boost=0.0, pass_doubt=0.0)
    for title, each in (("nexus", model), ("as planned", static)):
        for way, shown in (
            ("with", cases),
            ("without", [forgotten(case, OF_EXECUTIONS) for case in cases]),
        ):
            score = mean(scores_of([each] * len(shown), shown))
            row[f"{title}, {way}: APFDc"] = score.apfdc
            row[f"{title}, {way}: first"] = score.first_failure
    return row
