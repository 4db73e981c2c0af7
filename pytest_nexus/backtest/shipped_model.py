"""Train the shipped model on the recorded projects; used by `nexus train --prior`."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.builds import NO_TEXTS, lived, projects, read_builds, read_texts
from pytest_nexus.backtest.recorded_executions import (
    NO_EXECUTIONS,
    TRACKED,
    read_executions_of,
)
from pytest_nexus.domain.mass_failure import is_mass_failure
from pytest_nexus.history.queries.streaks import DEFAULT_BRANCHES
from pytest_nexus.history.state.fold import RunFacts
from pytest_nexus.predictor.model.calibration import calibrated
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.terms import OF_EXECUTION, OF_TEXT
from pytest_nexus.predictor.training.weights import FailedRun, fit_weights
from pytest_nexus.training.point_in_time import PointInTimeReplay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.backtest.builds import Build, SampleTexts
    from pytest_nexus.backtest.recorded_executions import RecordedExecutions
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.schema import FileChange

THRIFT: Final = 0.2
"""Exponent of the duration in the order of the prior. With 0.2, a test that takes ten times as long
needs odds that are 1.6 times as high. Exponent 1 is right for exact probabilities; the
probabilities for an unknown suite are less exact."""

_PULL_A_RUN: Final = 0.05
_BOLDNESS: Final = 1.6
"""Factor by which the fitted weights of the change-text terms are multiplied. The fit rewards the
first places, where the changed paths say more; failures elsewhere need the text. This value gave
the earliest first failures on builds of projects that the model was not fitted to, where real
builds and mutants count the same."""
_LASTS: Final = 0.6
"""Share of the failing real builds whose failure lasts for some runs, in one variant. The recorded
data has no lasting failures, but every user has them."""


def write_prior(folder: Path, file: Path) -> tuple[str, list[str]]:
    """Write the model fitted to all recorded projects; return its version and the project names."""
    names = projects(folder)
    document = dump(train_prior(folder, names))
    file.write_text(document + "\n", encoding="utf-8")
    return version(document), names


def train_prior(folder: Path, names: Sequence[str]) -> Model:
    """Return a model fitted to the recorded builds of some projects.

    Each build enters in six variants:

    - as recorded
    - with failures that last
    - with nothing known about the tests
    - without the text of the change
    - without the text of the change, and with failures that last
    - on a branch of its own, with failures that last while other branches pass

    The weights of what tests execute are fitted afterwards, see `with_executions`.
    """
    cases = [case for name in names for case in _variants(folder, name)]
    return with_executions(prior_of(cases, names), folder / TRACKED)


def prior_of(cases: Sequence[Case], names: Sequence[str]) -> Model:
    """Return a model fitted to the cases with a failure and calibrated on all cases."""
    every = [FailedRun(case.rows(), case.failed) for case in cases]
    runs = [run for run in every if any(run.failed)]
    weights = {
        name: round(weight * (_BOLDNESS if name in OF_TEXT else 1.0), 4)
        for name, weight in fit_weights(runs, {}, _PULL_A_RUN * len(runs)).items()
    }
    card = {
        "kind": "prior",
        "trained_on": sorted(names),
        "failing_runs": len(runs),
        "note": "mutants included in training; see docs/reference/model-card.md",
    }
    labelled = [
        (row, bad, 1.0) for run in every for row, bad in zip(run.rows, run.failed, strict=True)
    ]
    model = Model({name: weight for name, weight in weights.items() if weight}, thrift=THRIFT)
    return replace(calibrated(model, labelled), card=card)


def with_executions(model: Model, folder: Path, without: str = "") -> Model:
    """Return the model with weights of what tests execute, fitted to tracked projects.

    All other weights stay. So nothing changes for a suite whose tests are not tracked.

    Args:
        model: fitted to builds without tracking.
        folder: of the tracked projects; if it has none, the model is returned unchanged.
        without: a project that is left out.
    """
    names = [name for name in projects(folder) if name != without]
    cases = [case for name in names for _, case in cases_of(folder, name)]
    runs = [FailedRun(case.rows(), case.failed) for case in cases]
    if not runs:
        return model
    center = {name: each for name, each in model.weights.items() if name not in OF_EXECUTION}
    fitted = fit_weights(runs, center, _PULL_A_RUN * len(runs), OF_EXECUTION)
    weights = {name: weight for name, weight in fitted.items() if weight}
    return replace(model, weights=weights, card={**model.card, "executions_of": names})


def cases_of(folder: Path, name: str) -> list[tuple[Build, Case]]:
    """Return the recorded failing builds of a project, each with what was known before it."""
    texts, executions = read_texts(folder, name), read_executions_of(folder, name)
    builds = list(read_builds(folder, name))
    return [(build, case) for build, case in replayed_builds(builds, texts, executions)
            if build.failing]  # fmt: skip


def each_unseen(
    folder: Path, names: Sequence[str], shipped: Model
) -> Iterator[tuple[str, Model, bool]]:
    """Yield each project with a model that was not fitted to it.

    This is the shipped model, or a refitted model if the project taught the shipped one. The third
    value tells whether the model was refitted. If the folder has no other project to fit to, the
    model has seen the project.
    """
    taught = shipped.card.get("trained_on", ())
    cases = {name: list(_variants(folder, name)) for name in names if name in taught}
    for name in names:
        others = [other for other in cases if other != name]
        if name in taught and others:
            learned = [case for other in others for case in cases[other]]
            yield name, prior_of(learned, others), True
        else:
            yield name, shipped, False


def _variants(folder: Path, name: str) -> Iterator[Case]:
    texts = read_texts(folder, name)
    builds = list(read_builds(folder, name))
    for lasting in (False, True):
        for text in (texts, NO_TEXTS):
            yield from (case for _, case in replayed_builds(builds, text, lasting=lasting))
    yield from (case for _, case in replayed_builds(builds, texts, is_cold=True))
    yield from _on_branches(builds, texts)


def _on_branches(builds: Sequence[Build], texts: SampleTexts) -> Iterator[Case]:
    """Yield failing real builds as later runs of their branches, with other runs in between.

    Passing builds run on the default branch. No recorded project has branches, but every user has
    them.
    """
    past = PointInTimeReplay()
    random = Random(7)  # noqa: S311 - how long a failure lasts, no secret
    waiting: dict[int, list[tuple[Build, str]]] = {}
    for number, build in enumerate(builds):
        if build.is_mutant:
            continue
        branch = f"change-{number}" if build.failing else DEFAULT_BRANCHES[0]
        if build.failing:
            waiting.setdefault(number + random.randint(5, 25), []).append((build, branch))
        due = [(build, branch), *waiting.pop(number, ())]
        for at, (each, where) in enumerate(due):
            tests, files = lived(each), texts.of(each)
            if at:
                name = f"{number} {each.kind} again"
                yield past.case(name, tests, files, texts.code, branch=where)
            past.add(tests, _facts(each), files, where)


def _facts(build: Build) -> RunFacts:
    teaches = not is_mass_failure(len(build.failing), len(build.tests))
    return RunFacts(build.run.started_at, b"", teaches_flakes=teaches, has_outcomes=True)


def replayed_builds(
    builds: Sequence[Build],
    texts: SampleTexts,
    executions: RecordedExecutions = NO_EXECUTIONS,
    *,
    lasting: bool = False,
    is_cold: bool = False,
) -> Iterator[tuple[Build, Case]]:
    """Yield the builds in time order, each with what the earlier real builds had shown."""
    past = PointInTimeReplay()
    random = Random(5)  # noqa: S311 - which failures last, no secret
    for number, build in enumerate(builds):
        tests, files = lived(build, executions.of(build)), texts.of(build)
        facts = _facts(build)
        repeats = random.randint(1, 3) if lasting and random.random() < _LASTS else 0
        for repeat in range(1 + (repeats if build.failing and not build.is_mutant else 0)):
            shown: list[FileChange] = files if not repeat or random.random() < 0.5 else []
            if build.failing or not (lasting or is_cold):
                name = f"{number} {build.kind} {repeat}"
                yield build, past.case(name, tests, shown, texts.code, is_cold=is_cold)
            if not build.is_mutant:
                past.add(tests, facts, files)
