from __future__ import annotations

from pytest_nexus.predictor.evaluation.histograms import (
    MOST_ROWS,
    added,
    edges_of,
    mean_bin,
    missing_share,
    summarise,
)
from pytest_nexus.predictor.schema import FEATURES, NAMES, NEVER, UNKNOWN

DEFAULTS = tuple(feature.default for feature in FEATURES)


def with_values(**values: float) -> tuple[float, ...]:
    return tuple(values.get(name, default) for name, default in zip(NAMES, DEFAULTS, strict=True))


def summed(rows: list[tuple[float, ...]]) -> dict[str, tuple[int, ...]]:
    return summarise(list(zip(*rows, strict=True)))


def test_unknown_values_are_counted_first() -> None:
    found = summed([with_values(similarity=UNKNOWN), with_values(similarity=0.6)])
    assert found["similarity"][0] == 1
    assert missing_share(found["similarity"]) == 0.5
    assert found["duration"] == summed([with_values()] * 2)["duration"]


def test_a_value_that_equals_the_mark_is_known_where_nothing_can_be_unknown() -> None:
    (counts,) = [summed([with_values(duration=UNKNOWN)])["duration"]]
    assert counts[0] == 0
    assert sum(counts) == 1


def test_every_feature_has_bins_up_to_its_largest_value() -> None:
    for name in NAMES:
        width = len(edges_of(name)) + 2
        assert len(summed([with_values(**{name: NEVER})])[name]) == width
    assert edges_of("nobody") == ()


def test_at_most_a_fixed_number_of_rows_is_read() -> None:
    rows = [with_values()] * (3 * MOST_ROWS + 1)
    assert sum(summed(rows)["rate_2"]) <= MOST_ROWS
    assert summarise([]) == summarise([()] * len(NAMES)) == {}


def test_sums_and_means() -> None:
    assert added([]) == []
    assert added([(1, 2), (0, 1, 5)]) == [1, 3, 5]
    assert mean_bin(added([(1, 0, 2), (0, 2)])) == 0.5
    assert mean_bin((3,)) is None
    assert missing_share(()) is None
