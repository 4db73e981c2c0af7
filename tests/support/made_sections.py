"""Sections of a dashboard, made up from a seed: flakes, model, selection, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.forecast.drift_check import Cell, Finding
from pytest_nexus.report.facts.flaky_section import (
    FlakyFacts,
    FlakyTest,
    Quarantined,
    SignatureCluster,
)
from pytest_nexus.report.facts.lanes import BalancePoint, Bar, Gantt, Lane
from pytest_nexus.report.facts.machines_section import (
    GroupTime,
    MachinesFacts,
    Reliability,
)
from pytest_nexus.report.facts.model_section import (
    Budget,
    Deployed,
    Distillation,
    DriftFacts,
    FeatureShift,
    ModelFacts,
    ModelVersion,
    QualityPoint,
    ReliabilityBin,
    TermWeight,
)
from pytest_nexus.report.facts.selection_section import (
    CurvePoint,
    Promise,
    Realised,
    ReplayedPoint,
    SelectionFacts,
    SelectionRun,
)

if TYPE_CHECKING:
    from random import Random

NEWEST: Final = 1_795_766_400.0
DAY_S: Final = 86_400.0
WEEK_S: Final = 7 * DAY_S
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"


def flaky(random: Random, keys: list[str], word: str) -> FlakyFacts:
    tests = tuple(
        FlakyTest(
            key,
            "flaky",
            f"flaked {word}",
            3,
            80,
            0.04 + 0.02 * at,
            0.01,
            0.12 + 0.02 * at,
            40.0 - at,
            5,
            at % 2,
            NEWEST - 9 * DAY_S,
            COMMIT,
            COMMIT,
            12,
            60,
            "team-core" if at % 2 else "",
        )
        for at, key in enumerate(keys[:8])
    )
    clusters = tuple(
        SignatureCluster(
            f"{at:016x}",
            "ConnectionError",
            "src/pkg/net.py::open",
            f"connection to <str> refused {word}",
            9 - at,
            tuple(keys[: 2 + at]),
            2 + at,
        )
        for at in range(3)
    )
    quarantine = (
        Quarantined(
            keys[0],
            "waits for the network",
            "team-core",
            "2026-11-01",
            "2026-12-01",
            3,
            "#7",
            1,
            12,
        ),
        Quarantined(keys[1], "", "", "2026-10-01", "2026-11-01", -27, "", 1, None),
    )
    counts = (("flaky", 8), ("order-dependent", 1), ("broken", 2), ("recovered", 14))
    return FlakyFacts(tests, counts, 312.4, clusters, quarantine, "")


def model(random: Random) -> ModelFacts:
    def quality(at: int) -> QualityPoint:
        good = min(0.99, 0.8 + 0.1 * random.random() + at / 400)
        return QualityPoint(
            NEWEST - (40 - at) * DAY_S,
            f"{at:032x}",
            "main",
            "shipped" if at < 20 else "a1b2c3d4e5f60718",
            1200,
            3,
            good,
            0.5 + 0.2 * random.random(),
            0.7 + 0.15 * random.random(),
            3.0,
            60.0,
            20.0,
            0.002,
            0.01 + 0.004 * random.random(),
            200.0,
            212.0,
        )

    features = (
        "failed recently",
        "words of the change",
        "duration",
        "age",
        "file changed",
        "flaky",
    )
    shifts = tuple(
        FeatureShift(name, 0.6 - 0.1 * at, 0.01 * at) for at, name in enumerate(features)
    )
    cells = tuple(
        Cell(name, NEWEST - (8 - at) * WEEK_S, 0.02 * (1 + row) * (1.0 + at * (row % 3)) / 2)
        for row, name in enumerate(features)
        for at in range(8)
    )
    finding = Finding(
        "age", "PSI", 0.46, 0.25, NEWEST - WEEK_S, "The distribution of age moved: PSI 0.46."
    )
    drift = DriftFacts(True, (finding,), "Train again: nexus train.", "", shifts, cells, 300, 40)
    versions = (
        ModelVersion("shipped", "", "", None, None, None, None, ""),
        ModelVersion(
            "a1b2c3d4e5f60718", "champion", "shipped", NEWEST - 20 * DAY_S, 61, 0.912, 0.881, ""
        ),
        ModelVersion(
            "ffee00112233aabb",
            "challenger",
            "a1b2c3d4e5f60718",
            NEWEST - 2 * DAY_S,
            80,
            0.915,
            0.912,
            "",
        ),
    )
    bins = tuple(
        ReliabilityBin(
            int(50_000 / 8**at),
            0.0005 * 5**at,
            0.0006 * 4.6**at,
            0.0004 * 4.5**at,
            0.0009 * 4.7**at,
        )
        for at in range(5)
    )
    weights = tuple(
        TermWeight(name, 1.7 - 0.3 * at, 1.5 - 0.3 * at)
        for at, name in enumerate(("called", "source", "code", "around", "place"))
    )
    return ModelFacts(
        versions=versions,
        deployments=(Deployed(NEWEST - 20 * DAY_S, "a1b2c3d4e5f60718", "promoted", ""),),
        quality=tuple(map(quality, range(40))),
        best_simple="fastest first",
        mean_apfdc=0.903,
        mean_apfdc_simple=0.774,
        mean_apfdc_collection=0.601,
        mean_brier=0.0021,
        mean_log_loss=0.0123,
        reliability=bins,
        budgets=tuple(
            Budget(share, 0.3 * (1 - share), 0.5 + share / 2, 0.6 + share / 2)
            for share in (0.05, 0.1, 0.2, 0.5)
        ),
        weights=weights,
        drift=drift,
        distillation=Distillation(
            (("teacher_comparisons", 246.8), ("student_comparisons", 16.1)),
            student="4x8",
            teacher="7ab3c0de19f24a55",
        ),
        note="",
    )


def selection(random: Random) -> SelectionFacts:
    curve = tuple(CurvePoint(at / 10, 1 - (1 - at / 10) ** 4, 61) for at in range(11))
    runs = tuple(
        SelectionRun(
            f"{at:032x}",
            NEWEST - at * DAY_S,
            "confidence (shadow)",
            1000,
            200,
            random.randrange(2),
            40.0,
        )
        for at in range(20, 0, -1)
    )
    replayed = tuple(
        ReplayedPoint(1 - miss, 60, 20, 1 - miss / 2, 1 - 2 * miss, 1.0, share, share - 0.03)
        for miss, share in ((0.1, 0.7), (0.05, 0.5), (0.02, 0.3))
    )
    replayed = (*replayed, ReplayedPoint(0.995, 0, 267, None, None, None, None, None))
    promises = (
        Promise(0.95, True, 61, 20, NEWEST + 60 * DAY_S),
        Promise(0.99, False, 61, 113, NEWEST + 60 * DAY_S),
    )
    realised = tuple(
        Realised(NEWEST - (24 - n) * DAY_S, n, 1, 1 / n, 0.3 / n, min(1.0, 3 / n), 0.05)
        for n in range(1, 25)
    )
    return SelectionFacts(
        "shadow", "", curve, replayed, promises, realised, runs, 0.05, 1 / 24, 0.007, 0.2, 24, ""
    )


def machines(random: Random, keys: list[str]) -> MachinesFacts:
    lanes = []
    for shard in range(1, 4):
        for worker in range(2):
            bars, at = [], 0.6
            while at < 60 + 8 * shard:
                end = at + 2 + 9 * random.random()
                bars.append(Bar(at, end, 7, random.choice(keys), random.random() < 0.08))
                at = end + 0.3 * random.random()
            lanes.append(
                Lane(
                    f"tests ({shard}, 3)",
                    f"gw{worker}",
                    0.0,
                    at + 0.4,
                    at - 1,
                    7 * len(bars),
                    tuple(bars),
                )
            )
    wall = max(lane.end_s for lane in lanes)
    busy = sum(lane.busy_s for lane in lanes)
    gantt = Gantt(
        "7001",
        NEWEST,
        "main",
        COMMIT,
        wall,
        busy,
        1 - busy / wall / 6,
        busy / 6,
        keys[0],
        9.0,
        "tests (3, 3) gw1",
        tuple(lanes),
    )
    balance = tuple(
        BalancePoint(NEWEST - at * DAY_S, str(at), 6, 80 + 9 * random.random(), 78.0)
        for at in range(30, 0, -1)
    )
    groups = (
        GroupTime("Python", "3.13", 300, 82.0, 440.0, 0.11),
        GroupTime("Python", "3.12", 100, 96.0, 500.0, 0.13),
        GroupTime("platform", "linux-x86_64", 400, 85.0, 450.0, 0.12),
    )
    lost = Reliability(2, 1, 3, (("refused", 2),), (("owner/name", "the journal is damaged"),))
    return MachinesFacts(gantt, balance, groups, 210.0, 41, 54_000.0, 0, 0, lost)
