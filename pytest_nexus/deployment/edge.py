"""Push a version of the model to every region, behind gates: the class of the public API."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.deployment.canary import N_RUNS, Judgement, Terms
from pytest_nexus.deployment.candidate import CHAMPION, Candidate, find_candidate, unseen_by
from pytest_nexus.deployment.gates import (
    Gate,
    latency,
    parity,
    quality,
    quick,
    recorded_rows,
)
from pytest_nexus.deployment.judge_canaries import judge_canaries
from pytest_nexus.deployment.place import Place, promoted, rolled_back
from pytest_nexus.deployment.reports import NEWEST_RUNS, Reported, reports_of, summed
from pytest_nexus.deployment.session_features import session_features
from pytest_nexus.deployment.settings import chosen, read_targets
from pytest_nexus.deployment.targets.kinds import target_of
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.errors import DeploymentError, GateError
from pytest_nexus.forecast.deployed_features import feature_digest
from pytest_nexus.history.store import read_history
from pytest_nexus.node.kept_model import packed, unpacked
from pytest_nexus.node.manifest import MAX_MODEL_BYTES, Entry, Manifest
from pytest_nexus.node.signature import keys_from
from pytest_nexus.predictor.model.document import ModelError, load
from pytest_nexus.project import history_path, project_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.history.queries.quality import QualityOfRun


class DeployedNode(NamedTuple):
    """What is live in one region."""

    region: str
    target: str
    version: str
    sequence: int
    p50_ms: float
    p99_ms: float
    """Milliseconds for the scores of 10,000 tests where the push ran."""
    verified_at: float
    """When the files were read back and checked, in seconds since the epoch."""
    canary: str = ""
    """Version that a share of the runners gets; empty outside of a canary."""
    canary_percent: float = 0.0
    used: tuple[Reported, ...] = ()
    """What sessions reported about the version, and about the canary; empty after a push."""


class Deployment(NamedTuple):
    """The result of a push."""

    version: str
    nodes: tuple[DeployedNode, ...]
    gates: tuple[Gate, ...]


class EdgeDeployment:
    """A version of the model on its way to the regions where sessions use it.

    Args:
        model: `champion`, `shipped`, or the first digits of a version.
        regions: names, or patterns such as `eu-*`; None means all regions of nexus.toml.
        max_latency_ms: promise for the scores of 10,000 tests, at the 99th percentile.
        targets: address by region, in place of nexus.toml.
        history: the history file; None means the project's.
        canary_percent: share of the runners that get the model first; 0 means all at once.
    """

    def __init__(
        self,
        model: str = CHAMPION,
        regions: Sequence[str] | None = None,
        max_latency_ms: float = 10.0,
        *,
        targets: Mapping[str, str] | None = None,
        history: str | Path | None = None,
        canary_percent: float = 0.0,
    ) -> None:
        self.model = model
        self.max_latency_ms = max_latency_ms
        self.canary_percent = canary_percent
        self._history = None if history is None else str(history)
        self._targets = chosen(
            read_targets(project_root(Path.cwd())) if targets is None else targets, regions
        )

    def push(self) -> Deployment:
        """Judge the model, and deploy it in every region; each region changes as a whole.

        Raises:
            GateError: a gate failed; nothing was changed.
            DeploymentError: a target failed; the message says what is live where.
        """
        candidate = find_candidate(self.model, self._history)
        rows = recorded_rows(candidate.cases)
        here = project_root(Path.cwd())
        speed = latency(candidate.model, session_features(history_path(self._history), here))
        gates = [parity(candidate.model, rows), quick(speed, self.max_latency_ms)]
        places = self.places()
        gates += [self._quality(candidate, place) for place in places]
        _require(gates)
        data = packed(candidate.document)
        facts = {**candidate.facts, "p50_ms": speed.p50_ms, "p99_ms": speed.p99_ms}
        entry = Entry(candidate.version, sha256(data).hexdigest(), len(data), facts)
        nodes: list[DeployedNode] = []
        for place in places:
            try:
                nodes.append(self._put(place, entry, data))
            except DeploymentError as exc:
                raise _partly(exc, nodes) from exc
        return Deployment(candidate.version, tuple(nodes), tuple(gates))

    def status(self) -> list[DeployedNode]:
        """Return what is live in each region, with its files checked, and what sessions report.

        Raises:
            DeploymentError: a place cannot be read, or holds what it should not.
        """
        found = []
        runs = self._reported_runs()
        for place in self.places():
            manifest = place.read().manifest
            if manifest is not None:
                place.check(manifest)
                found.append(_node(place, manifest)._replace(used=_used(place, manifest, runs)))
        return found

    def _reported_runs(self) -> list[QualityOfRun]:
        history = read_history(history_path(self._history))
        if history is None:
            return []
        with history:
            return history.quality.read(NEWEST_RUNS)

    def rollback(self) -> list[DeployedNode]:
        """Deploy again what was live before, or end the canary, in each region."""
        return [_node(place, place.change(rolled_back)) for place in self.places()]

    def promote(self) -> list[DeployedNode]:
        """Give the canary to all runners in each region."""
        return [_node(place, place.change(promoted)) for place in self.places()]

    def judge(self, runs: int = N_RUNS) -> list[Judgement]:
        """Promote each canary, or roll it back, by what sessions reported; or say what is missing.

        Args:
            runs: that must have used a canary before all runners get it.

        Raises:
            DeploymentError: there is no history with attempts, or a target failed.
        """
        terms = Terms(runs, self.max_latency_ms)
        return judge_canaries(self.places(), history_path(self._history), terms)

    def places(self) -> list[Place]:
        """Return the places of the regions, with the keys of the environment."""
        keys = keys_from(originals.environ)
        return [
            Place(region, target_of(address), keys) for region, address in self._targets.items()
        ]

    def _quality(self, candidate: Candidate, place: Place) -> Gate:
        live = place.read().manifest
        if live is None or live.model.version == candidate.version:
            sentence = "not judged: no other model is deployed"
            return Gate(f"quality in {place.region}", has_passed=True, sentence=sentence)
        data = place.target.read(live.model.file, MAX_MODEL_BYTES)
        try:
            deployed = load(unpacked(data or b""))
        except (DeploymentError, ModelError):
            sentence = "not judged: the deployed model is damaged"
            return Gate(f"quality in {place.region}", has_passed=True, sentence=sentence)
        seen = [candidate.last_run, live.model.facts.get("last_run")]
        found = quality(candidate.model, deployed, unseen_by(candidate.cases, seen))
        return found._replace(name=f"quality in {place.region}")

    def _put(self, place: Place, entry: Entry, data: bytes) -> DeployedNode:
        place.put_model(entry, data)
        percent = self.canary_percent

        def make(live: Manifest | None) -> Manifest:
            if live is None or not percent:
                made = Manifest(place.region, 1, entry, _before(live, entry))
            else:
                made = live._replace(canary=entry, canary_percent=percent)
            return made._replace(schema=feature_digest())

        manifest = place.change(make)
        place.check(manifest)
        return _node(place, manifest)


def _before(live: Manifest | None, entry: Entry) -> Entry | None:
    """Return what a rollback deploys after a push; the same version again changes nothing."""
    if live is None:
        return None
    return live.previous if live.model.version == entry.version else live.model


def _used(place: Place, manifest: Manifest, runs: Sequence[QualityOfRun]) -> tuple[Reported, ...]:
    """Return the reports about the live model, and about the canary since it was pushed."""
    canary, region = manifest.canary, place.region
    live = manifest.model.version
    found = [summed(live, reports_of(runs, region, live))]
    if canary is not None:
        reports = reports_of(runs, region, canary.version, manifest.pushed_at)
        found.append(summed(canary.version, reports))
    return tuple(found)


def _require(gates: Sequence[Gate]) -> None:
    failed = [f"{gate.name}: {gate.sentence}" for gate in gates if not gate.has_passed]
    if failed:
        raise GateError("NX951", f"Nothing was deployed; {'; '.join(failed)}")


def _partly(error: DeploymentError, nodes: Sequence[DeployedNode]) -> DeploymentError:
    done = ", ".join(node.region for node in nodes)
    if not done:
        return error
    return DeploymentError("NX952", f"{error.message}; the model is live in {done} only")


def _node(place: Place, manifest: Manifest) -> DeployedNode:
    facts = (manifest.canary or manifest.model).facts
    p50, p99 = (facts.get(name) for name in ("p50_ms", "p99_ms"))
    return DeployedNode(
        place.region,
        place.target.place,
        manifest.model.version,
        manifest.sequence,
        p50 if isinstance(p50, float) else 0.0,
        p99 if isinstance(p99, float) else 0.0,
        clock.time(),
        "" if manifest.canary is None else manifest.canary.version,
        manifest.canary_percent,
    )
