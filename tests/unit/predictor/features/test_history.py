"""What is known beyond single tests, with values worked out by hand."""

from __future__ import annotations

import pytest
from pytest_nexus.predictor.features.history import (
    MAX_FILES,
    CoFailures,
    Neighbours,
    places_of,
)
from pytest_nexus.predictor.schema import NEVER, TestAtMoment

from tests.support.builders import known


def test_places_are_files_and_folders_each_once() -> None:
    assert places_of(["a/x.py", "a/x.py", "a/b/y.py", "setup.py"]) == [
        "a/x.py", "a/b/y.py", "setup.py", "a/", "a/b/", "/",
    ]  # fmt: skip


@pytest.mark.parametrize(("n", "n_places"), [(MAX_FILES, MAX_FILES + 1), (MAX_FILES + 1, 0)])
def test_a_change_of_too_many_files_has_no_places(n: int, n_places: int) -> None:
    assert len(places_of(f"src/{at}.py" for at in range(n))) == n_places


@pytest.fixture
def pairs() -> CoFailures:
    """Three runs: both files changed and t failed; a changed; a changed, and t and u failed."""
    past = CoFailures()
    past.add(["src/a.py", "src/b.py"], ["t"])
    past.add(["src/a.py"], [])
    past.add(["src/a.py"], ["t", "u"])
    return past


@pytest.mark.parametrize(
    ("paths", "by_file", "by_folder"),
    [
        (["src/a.py"], {"t": 2 / 6, "u": 1 / 6}, {"t": 2 / 6, "u": 1 / 6}),
        (["src/b.py"], {"t": 1 / 4}, {"t": 2 / 6, "u": 1 / 6}),
        (["src/b.py", "src/a.py"], {"t": 2 / 6, "u": 1 / 6}, {"t": 2 / 6, "u": 1 / 6}),
        (["src/a.py", "src/b.py"], {"t": 2 / 6, "u": 1 / 6}, {"t": 2 / 6, "u": 1 / 6}),
        (["src/new.py"], {}, {"t": 2 / 6, "u": 1 / 6}),
        (["lib/a.py"], {}, {}),
    ],
)
def test_the_rate_of_a_pair_is_failures_by_runs_and_three(
    pairs: CoFailures, paths: list[str], by_file: dict[str, float], by_folder: dict[str, float]
) -> None:
    assert pairs.rates(paths) == (pytest.approx(by_file), pytest.approx(by_folder))


def test_a_change_of_too_many_files_is_no_run_of_them(pairs: CoFailures) -> None:
    pairs.add(["src/a.py", *(f"src/{n}.py" for n in range(MAX_FILES))], ["t"])
    assert pairs.rates(["src/a.py"])[0]["t"] == pytest.approx(2 / 6)


def at_moment(key: str, **facts: object) -> TestAtMoment:
    path, function = key.partition("::")[0], key.partition("[")[0]
    return TestAtMoment(key, function, path, known(key, **facts) if facts else None, 0.1)


SUITE = [
    at_moment("t/a.py::x[1]", rate_2=0.4, rate_8=0.1, runs_since_failure=5),
    at_moment("t/a.py::x[2]", rate_2=0.0, rate_8=0.2, runs_since_failure=2),
    at_moment("t/a.py::x[3]", rate_2=0.0, rate_8=0.3, runs_since_failure=9),
    at_moment("t/a.py::y", rate_2=0.1, rate_8=0.6, runs_since_failure=None),
    at_moment("t/b.py::z", rate_2=0.3, rate_8=0.5, runs_since_failure=7),
    at_moment("u/c.py::new"),
    at_moment("t/d.py::new"),
    at_moment("t/deep/e.py::z", rate_2=0.2, rate_8=0.9, runs_since_failure=None),
]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, (2.0, 0.3, 2.0, 0.34)),
        (1, (2.0, 0.3, 2.0, 0.34)),
        (2, (2.0, 0.3, 2.0, 0.34)),
        (3, (NEVER, 0.3, 2.0, 0.34)),
        (4, (7.0, 0.5, 7.0, 0.34)),
        (5, (NEVER, 0.0, NEVER, 0.0)),
        (6, (NEVER, 0.0, NEVER, 0.34)),
        (7, (NEVER, 0.9, NEVER, 0.9)),
    ],
)
def test_neighbours_share_their_mean_rate_and_their_last_failure(
    at: int, expected: tuple[float, ...]
) -> None:
    neighbours, test = Neighbours(SUITE), SUITE[at]
    found = (neighbours.function_since(test.function), *neighbours.of_file(test.path))
    assert found == pytest.approx(expected)


def test_the_rate_of_the_suite_is_the_mean_of_the_known_tests() -> None:
    assert Neighbours(SUITE).suite_rate == pytest.approx((0.4 + 0.1 + 0.3 + 0.2) / 6)
    assert Neighbours(SUITE[5:7]).suite_rate == 0.0


def test_a_failure_longer_ago_than_any_counts_as_never() -> None:
    old = at_moment("t/a.py::x", runs_since_failure=5000)
    assert Neighbours([old]).function_since(old.function) == NEVER
