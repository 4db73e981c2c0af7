"""Compute the four key figures of software delivery. Pure.

The definitions are those of DORA's guide (https://dora.dev/guides/dora-metrics-four-keys/):

- Deployment frequency: how often an organisation deploys to production. Here: deployments in an
  environment for each week between the first and the last outcome, of at least one week.
- Lead time for changes: the time from a commit to its deployment. Here: the median over all commits
  that a deployment brought.
- Change failure rate: the share of deployments that cause a failure in production. Here: the share
  of deployed commits with a later outcome `failed` or `rolled-back`, with a later revert in git, or
  with a `hotfix` before the next deployment.
- Time to restore: the time from a failure in production to its recovery. Here: the median time from
  such an outcome to the next deployment without one.

Each figure has an interval of 95 %: of a Poisson rate, of a median by ranks, or Wilson's of a
share.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.delivery.commit_outcomes import IN_GIT
from pytest_nexus.plan.delivery.figure_ranges import counts_range, median_range
from pytest_nexus.plan.selection.shares import of_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

WEEK_S: Final = 7 * 86_400.0


Range = tuple[float, float]
"""The bounds of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class FourKeys:
    """The figures of one environment; None if there is no evidence."""

    environment: str
    deployments: int
    per_week: float | None
    lead_time_s: float | None
    change_failure_rate: float | None
    time_to_restore_s: float | None
    failures: int
    commits: int
    """Commits behind the lead time."""
    per_week_range: Range | None
    lead_time_range: Range | None
    """None for fewer than six commits."""
    change_failure_range: Range | None
    time_to_restore_range: Range | None
    """None for fewer than six failures that ended."""


class Deployment(NamedTuple):
    """One deployment, and what became of it before the next one."""

    commit: str
    at: float
    broke_at: float | None
    """None if nothing is known to be wrong with it."""


def deployments_of(outcomes: Sequence[DeploymentOutcome]) -> list[Deployment]:
    """Return the deployments of one environment in time order.

    A deployment that failed at once, without `deployed` before it, counts as one too.
    """
    ordered = sorted(outcomes, key=lambda each: (each.at, each.status != "deployed"))
    found: list[Deployment] = []
    for each in ordered:
        if each.status == "deployed":
            found.append(Deployment(each.commit, each.at, None))
            continue
        at = _accused(found, each)
        if at is None:
            if each.status == "failed":
                found.append(Deployment(each.commit, each.at, each.at))
        elif found[at].broke_at is None:
            found[at] = found[at]._replace(broke_at=each.at)
    return found


def _accused(found: Sequence[Deployment], outcome: DeploymentOutcome) -> int | None:
    """Return the place of the deployment that an outcome is about; a hotfix means the last one."""
    if outcome.status == "hotfix":
        return len(found) - 1 if found else None
    places = [at for at, each in enumerate(found) if each.commit == outcome.commit]
    return places[-1] if places else None


def four_keys(
    environment: str,
    outcomes: Sequence[DeploymentOutcome],
    brought: Mapping[str, Sequence[float]],
) -> FourKeys:
    """Return the figures of one environment.

    Args:
        environment: its name.
        outcomes: of that environment.
        brought: by deployed commit, when the commits that it brought were made.
    """
    deployments = deployments_of(outcomes)
    broken = [each for each in deployments if each.broke_at is not None]
    leads = [each.at - made for each in deployments for made in brought.get(each.commit, ())
             if each.at >= made]  # fmt: skip
    restored = [time for at in range(len(deployments))
                if (time := _time_to_restore(deployments[at:])) is not None]  # fmt: skip
    share = of_counts(len(broken), len(deployments))
    return FourKeys(
        environment,
        len(deployments),
        _per_week(deployments),
        median(leads) if leads else None,
        len(broken) / len(deployments) if deployments else None,
        median(restored) if restored else None,
        len(broken),
        len(leads),
        _per_week_range(deployments),
        median_range(leads),
        None if share is None else (share.low, share.high),
        median_range(restored),
    )


def all_four_keys(
    outcomes: Sequence[DeploymentOutcome],
    brought: Callable[[list[str]], Mapping[str, Sequence[float]]],
) -> list[FourKeys]:
    """Return the figures of all environments by name.

    A revert in git is no deployment, but tells that an earlier deployment of its commit failed.

    Args:
        outcomes: of all environments.
        brought: returns by deployed commit when the commits that it brought were made, given all
            commits that were deployed in one environment.
    """
    groups: dict[str, list[DeploymentOutcome]] = {}
    reverts = [each for each in outcomes if each.source == IN_GIT]
    for each in outcomes:
        if each.source != IN_GIT:
            groups.setdefault(each.environment, []).append(each)
    return [
        four_keys(name, own + reverts, brought([each.commit for each in deployments_of(own)]))
        for name, own in sorted(groups.items())
    ]


def _time_to_restore(deployments: Sequence[Deployment]) -> float | None:
    """Return the seconds from the failure of the first deployment to the next sound one."""
    broke_at = deployments[0].broke_at
    if broke_at is None:
        return None
    sound = (each.at for each in deployments[1:] if each.broke_at is None and each.at >= broke_at)
    after = next(sound, None)
    return None if after is None else after - broke_at


def _per_week(deployments: Sequence[Deployment]) -> float | None:
    if not deployments:
        return None
    return len(deployments) / _weeks(deployments)


def _per_week_range(deployments: Sequence[Deployment]) -> Range | None:
    if not deployments:
        return None
    low, high = counts_range(len(deployments))
    return low / _weeks(deployments), high / _weeks(deployments)


def _weeks(deployments: Sequence[Deployment]) -> float:
    return max(1.0, (deployments[-1].at - deployments[0].at) / WEEK_S)
