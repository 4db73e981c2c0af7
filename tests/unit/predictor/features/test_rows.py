from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.features.history import MAX_FILES, CoFailures
from pytest_nexus.predictor.features.rows import columns, rows
from pytest_nexus.predictor.features.text import bag
from pytest_nexus.predictor.schema import (
    FEATURES,
    NAMES,
    UNKNOWN,
    FileChange,
    Moment,
    Streaks,
    TestAtMoment,
    TestCode,
)

from pytest_nexus.history.state.fold import Observation, RunFacts
from pytest_nexus.journal.encoding import FAIL, PASS
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay
from tests.support.builders import collected, known
from tests.support.examples import scaled

X, Y = "tests/test_price.py::test_total", "tests/test_shop.py::test_opens"


def test_at(nodeid: str, **facts: object) -> TestAtMoment:
    path, _, _ = nodeid.partition("::")
    stats = known(nodeid, **facts) if facts.pop("known", True) else None
    return TestAtMoment(nodeid, nodeid.partition("[")[0], path, stats, 0.1)


test_at.__test__ = False  # type: ignore[attr-defined]


def by_name(moment: Moment, past: CoFailures | None = None) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows(moment, past)]


def lived(nodeid: str, *, failed: bool, seconds: float = 0.1) -> LabelledTest:
    seen = Observation(
        0o121 if failed else 0o111, FAIL if failed else PASS, 0, int(seconds * 1e6), 0
    )
    return LabelledTest(collected(nodeid), seen, failed, seconds)


RUNS = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=8)


@given(runs=RUNS, cut=st.integers(0, 7))
@settings(max_examples=scaled(60), deadline=None)
def test_no_row_sees_its_future(runs: list[list[bool]], cut: int) -> None:
    """What stands before run `cut` is the same, whatever happens in it and after it."""
    cut = min(cut, len(runs) - 1)
    nodeids = [X, Y, "tests/test_price.py::test_tax[1]"]

    def matrices(outcomes: list[list[bool]]) -> list[list[float]]:
        past, found = PointInTimeReplay(), []
        for number, failed in enumerate(outcomes):
            tests = [lived(n, failed=f) for n, f in zip(nodeids, failed, strict=True)]
            files = [FileChange(f"src/file{number % 2}.py")]
            branch = ("main", "fix")[number // 2 % 2]
            found.append(past.case(str(number), tests, files, {}, branch=branch).matrix.tolist())
            past.add(tests, RunFacts(float(number), b"", True, True), files, branch)
        return found

    other = runs[:cut] + [[not failed for failed in run] for run in runs[cut:]]
    assert matrices(runs)[: cut + 1] == matrices(other)[: cut + 1]


def test_every_row_has_every_feature() -> None:
    (row,) = rows(Moment([test_at(X)]))
    assert len(row) == len(FEATURES)


def test_a_test_without_history_has_the_defaults() -> None:
    (row,) = by_name(Moment([test_at(X, known=False)]))
    for feature in FEATURES:
        if feature.name != "duration":
            assert row[feature.name] == feature.default, feature.name


def test_words_of_the_change_find_the_test_that_uses_them() -> None:
    code = {
        "tests/test_price.py": TestCode(("shop.price:total",), {"test_total": bag({"total": 3})}),
        "tests/test_shop.py": TestCode((), {"test_opens": bag({"door": 3})}),
    }
    change = [FileChange("src/shop/price.py", 2, {"total": 2, "tax": 1})]
    first, second = by_name(Moment([test_at(X), test_at(Y)], change, code))
    assert first["similarity"] > second["similarity"]
    assert (first["import_distance"], second["import_distance"]) == (1.0, 5.0)
    assert first["imported_words"] == 1.0


def test_a_change_without_text_leaves_similarity_unknown() -> None:
    (row,) = by_name(Moment([test_at(X)], [FileChange("src/shop/price.py")]))
    assert row["similarity"] == row["is_mentioned"] == UNKNOWN
    assert row["path_words"] > 0


def test_prose_and_words_without_meaning_are_near_to_nothing() -> None:
    (row,) = by_name(
        Moment([test_at(X)], [FileChange("docs/price.rst"), FileChange("src/test.py")])
    )
    assert row["path_words"] == row["name_words"] == 0


def test_pairs_are_remembered_by_file_and_by_folder() -> None:
    past = CoFailures()
    for _ in range(3):
        past.add(["src/a.py"], [X])
    past.add(["src/a.py"], [])
    same, beside = (
        by_name(Moment([test_at(X)], [FileChange(path)]), past)[0]
        for path in ("src/a.py", "src/b.py")
    )
    assert same["cofailure_file"] == 3 / 7
    assert beside["cofailure_file"] == 0
    assert beside["cofailure_folder"] == 3 / 7


def test_a_change_of_a_thousand_files_teaches_no_pairs_and_still_gives_rows() -> None:
    paths = [f"src/f{n}.py" for n in range(1000)]
    past = CoFailures()
    past.add(paths, [X])
    assert past.rates(paths) == ({}, {})
    assert len(paths) > MAX_FILES
    assert by_name(Moment([test_at(X)], [FileChange(path) for path in paths]), past)


def test_rows_of_some_tests_are_those_of_all() -> None:
    moment = Moment([test_at(X, failures=1, runs_since_failure=0, rate_8=0.5), test_at(Y)])
    assert rows(moment, only=[1]) == rows(moment)[1:]


def test_no_tests_give_no_rows() -> None:
    assert rows(Moment([], [FileChange("a.py", 1, {"a": 1})])) == []


def test_a_streak_counts_where_it_was_and_is_unknown_without_a_branch() -> None:
    first, second = by_name(Moment([test_at(X), test_at(Y)], streaks=Streaks({X: 3}, {Y: 1})))
    assert (first["branch_streak"], first["base_streak"]) == (3.0, 0.0)
    assert (second["branch_streak"], second["base_streak"]) == (0.0, 1.0)
    (row,) = by_name(Moment([test_at(X)]))
    assert (row["branch_streak"], row["base_streak"]) == (UNKNOWN, UNKNOWN)


def test_columns_hold_what_rows_hold() -> None:
    tests = [test_at(X, failures=1), test_at(Y, known=False), test_at(f"{X}[1]", runs=7)]
    moment = Moment(tests, [FileChange("src/price.py", 3)], {}, Streaks({X: 2}, None))
    assert [list(column) for column in columns(moment)] == [
        list(each) for each in zip(*rows(moment), strict=True)
    ]
    assert rows(moment, only=[2]) == rows(moment)[2:]
    assert rows(Moment([], [], {})) == []
    assert columns(Moment([], [], {})) == [()] * len(NAMES)


def test_tests_of_a_file_share_the_objects_of_its_values() -> None:
    tests = [test_at(f"{X}_{n}", rate_8=0.3) for n in range(3)]
    column = columns(Moment(tests, [], {}))[NAMES.index("file_rate_8")]
    assert len(set(map(id, column))) == 1
