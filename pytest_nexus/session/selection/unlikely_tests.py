"""Find out which tests of a session are unlikely to fail, by the history and the forecasts."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.history.queries.selection import selection_evidence, selection_state
from pytest_nexus.history.store import read_history
from pytest_nexus.history.uses.users_of_files import users_of_files
from pytest_nexus.plan.delivery.escape_guard import guarded_now, guarded_tests
from pytest_nexus.plan.make import digest
from pytest_nexus.plan.order_dependence.order_rule import DOUBTFUL
from pytest_nexus.plan.reuse import is_audited
from pytest_nexus.plan.selection.always_run import Facts, reasons_to_run
from pytest_nexus.plan.selection.promise import TooLittle, choose_cut
from pytest_nexus.plan.selection.selected import Selected
from pytest_nexus.plan.selection.unlikely import Limits, choose
from pytest_nexus.session.reuse.exemptions import why_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_nexus.domain.records import Plan
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.selection.modes import Asked
    from pytest_nexus.plan.selection.promise import FailingRun
    from pytest_nexus.plan.selection.unlikely import Choice
    from pytest_nexus.session.reuse.circumstances import Circumstances


class _Known(NamedTuple):
    """What the history says about selections."""

    evidence: Sequence[FailingRun]
    shadow: str
    """Why all tests run until somebody says otherwise; empty if tests may be left out."""
    starts: Sequence[float]
    """Starts of the runs on this branch that left tests out, the newest first."""
    seed: str
    guarded: Mapping[str, str]
    """Why tests run that cover a change that was taken back, by key."""


def leave_unlikely(
    plan: Plan,
    given: Circumstances,
    asked: Asked,
    decided: Collection[int],
    notify: Callable[[str], None],
) -> tuple[Plan, Selected]:
    """Return the plan without the tests that are unlikely to fail, and the selection.

    If the session has to run all tests, the plan is the given one. The selection then says which
    tests would have been left out.

    Args:
        plan: of all collected tests, with the verdicts of plugins and of reuse.
        given: what the session knows.
        asked: the user's choices.
        decided: indices of the tests that plugins decided about.
        notify: takes a sentence for the user.
    """
    now = clock.time()
    selected = Selected("on", given.rule, asked.mode.confidence)
    found = _known(given)
    why = _why_none(given, asked, found)
    if found is None or why:
        notify(why)
        return plan, selected._replace(why=why)
    limits = Limits(asked.mode)
    cut = choose_cut(found.evidence, asked.mode.confidence, now) if asked.mode.confidence else None
    if isinstance(cut, TooLittle):
        why = _too_little(cut, asked)
        notify(why)
    elif cut is not None:
        limits = limits._replace(gap=cut.gap)
        selected = selected._replace(gap=cut.gap)
    choice = choose(plan, _always(plan, given, asked, decided, found, now), limits, found.seed)
    return _applied(plan, choice, selected._replace(why=why), _why_shadow(given, found), notify)


def _known(given: Circumstances) -> _Known | None:
    """Return what the history says; None if there is no history."""
    history = read_history(given.history)
    if history is None:
        return None
    with history:
        state = selection_state(history)
        return _Known(
            selection_evidence(history),
            state.why if state.mode == "shadow" else "",
            history.selection.starts_on(given.change.branch) if given.change.branch else (),
            _seed(given, history),
            _guarded(given, history),
        )


def _guarded(given: Circumstances, history: History) -> Mapping[str, str]:
    """Return by key why the tests run that use a file whose change was taken back lately."""
    paths = guarded_now(history.deployments.guard().files, clock.time())
    users = users_of_files(history.uses(), paths) if paths else {}
    return guarded_tests(paths, users, given.stats)


def _seed(given: Circumstances, history: History) -> str:
    """Return a text that is equal in all jobs of a CI run, and differs from run to run.

    Outside of CI, sessions of one commit differ by the number of runs before them. Shards do not,
    because they have to choose the same tests.
    """
    run = ci_run(given.environ)
    if run is not None:
        return f"{run.provider} {run.run_id}"
    return f"{given.change.commit} {'' if given.is_shared else history.count_runs()}"


def _why_none(given: Circumstances, asked: Asked, found: _Known | None) -> str:
    """Return why no test can be left out; empty if tests can."""
    if found is None:
        return with_code(
            "NX238", "no test is left out as unlikely to fail: there is no history of the tests yet"
        )
    if given.change.commit is None or given.change.note:
        reason = given.change.note or "git does not say what changed"
        return with_code("NX239", f"no test is left out as unlikely to fail: {reason}")
    if asked.mode.confidence is not None and not given.is_model_of_evidence:
        return with_code(
            "NX240",
            "no test is left out as unlikely to fail: the promise is about forecasts of the"
            " history's own model",
        )
    return ""


def _too_little(cut: TooLittle, asked: Asked) -> str:
    share = f"confidence:{100 * (asked.mode.confidence or 0):.6g}%"
    if not cut.n_needed:
        return with_code(
            "NX241",
            "no test is left out as unlikely to fail: no number of failing runs is enough for"
            f" {share}",
        )
    return with_code(
        "NX242",
        f"no test is left out as unlikely to fail: {share} needs"
        f" {counted(cut.n_needed, 'failing run')} as evidence, and the history has"
        f" {cut.n_failing_runs:,}",
    )


def _always(
    plan: Plan,
    given: Circumstances,
    asked: Asked,
    decided: Collection[int],
    found: _Known,
    now: float,
) -> Mapping[int, str]:
    """Return the reasons of the tests that run in any case, by index."""
    rules = [rule for rule in given.rules if rule.posterior >= DOUBTFUL]
    facts = Facts(given.stats, given.change, now, found.starts, given.failing, rules, found.guarded)
    reasons = reasons_to_run([one.test for one in plan.tests], facts, asked)
    said = {
        index: one.verdict.reason
        for index, one in enumerate(plan.tests)
        if index in decided or is_audited(one.verdict)
    }
    return reasons | said


def _why_shadow(given: Circumstances, found: _Known) -> str:
    """Return why the decision is only recorded; empty if it applies."""
    if exempt := why_all(given.environ, given.change.branch):
        return exempt
    return with_code("NX243", found.shadow) if found.shadow else ""


def _applied(
    plan: Plan, choice: Choice, selected: Selected, shadow: str, notify: Callable[[str], None]
) -> tuple[Plan, Selected]:
    if shadow:
        notify(shadow)
        spared = choice.left
        return plan, selected._replace(mode="shadow", why=selected.why or shadow, spared=spared)
    if choice.is_spent:
        notify(
            with_code("NX244", "the tests that always run take more time than the budget allows")
        )
    elif choice.n_over_budget and selected.gap not in (None, inf):
        tests = counted(choice.n_over_budget, "test")
        notify(
            with_code(
                "NX245",
                f"nothing is promised: the budget leaves out {tests} that the confidence needs",
            )
        )
    planned = tuple(
        one._replace(verdict=verdict)
        for one, verdict in zip(plan.tests, choice.verdicts, strict=True)
    )
    return plan._replace(tests=planned, digest=digest(planned)), selected._replace(
        spared=choice.sampled
    )
