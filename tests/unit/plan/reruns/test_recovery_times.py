from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.reruns.recovery_times import BUCKETS_S, Recoveries, Recovery, bucket_of

LAST = len(BUCKETS_S) - 1

rows = st.lists(
    st.builds(
        Recovery,
        st.sampled_from(["t", "u"]),
        st.sampled_from(["s", "r", ""]),
        st.integers(0, LAST),
        st.integers(0, 50),
        st.integers(0, 50),
    ),
    max_size=12,
)


def passing_from(bucket: int, times: int = 1000, key: str = "t", sign: str = "s") -> list[Recovery]:
    """What is known of a failure that goes away in a bucket: never before, always from there on."""
    return [
        Recovery(key, sign, place, *((times, 0) if place >= bucket else (0, times)))
        for place in range(len(BUCKETS_S))
    ]


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(-1.0, 0), (0.0, 0), (0.49, 0), (0.5, 1), (2.0, 2), (7.9, 2), (8.0, 3), (30.0, 4), (1e9, 4)],
)
def test_a_bucket_starts_at_its_lower_end(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


def test_where_nothing_is_known_two_seconds_are_waited() -> None:
    assert Recoveries().wait_s("t", "s", 0.0) == (2.0, 0.75)


@pytest.mark.parametrize("bucket", range(len(BUCKETS_S)))
def test_the_wait_is_learned_from_the_test(bucket: int) -> None:
    until_s, chance = Recoveries(passing_from(bucket)).wait_s("t", "s", 0.0)
    assert until_s == BUCKETS_S[bucket]
    assert chance > 0.9


def test_the_test_overrules_the_signature_and_the_signature_the_suite() -> None:
    suite = passing_from(4, key="other", sign="another")
    signature = passing_from(1, key="other")
    own = passing_from(0)
    assert Recoveries(suite).wait_s("t", "s", 0.0)[0] == 30.0
    assert Recoveries(suite + signature).wait_s("t", "s", 0.0)[0] == 0.5
    assert Recoveries(suite + signature + own).wait_s("t", "s", 0.0)[0] == 0.0


def test_chances_are_the_documented_posterior_means() -> None:
    known = Recoveries([Recovery("t", "s", 0, 3, 1), Recovery("u", "r", 0, 0, 4)])
    rest = (0 + 4 * 0.5) / (4 + 4)
    assert known.chances("t", "s")[0] == pytest.approx((3 + 4 * rest) / (4 + 4))
    assert known.chances("v", "s")[0] == pytest.approx((3 + 4 * rest) / (4 + 4))
    assert known.chances("v", "q")[0] == pytest.approx((3 + 4 * 0.5) / (8 + 4))


def test_each_attempt_counts_once() -> None:
    """Else one failure after each wait would end all hope, in three steps."""
    once = Recoveries([Recovery("t", "s", bucket, 0, 1) for bucket in range(4)])
    assert once.chances("t", "s")[0] == pytest.approx(4 * 0.5 / 5)
    assert once.chances("t", "s")[4] > 0.4


def test_longer_waits_that_were_never_tried_are_better_by_the_usual_ratio() -> None:
    nothing, known = Recoveries().chances("t", "s"), Recoveries([Recovery("t", "s", 2, 40, 60)])
    chances = known.chances("t", "s")
    assert chances[:2] == pytest.approx(nothing[:2])
    assert chances[2] == pytest.approx(0.4, abs=0.05)
    left = (1 - nothing[3]) / (1 - nothing[2])
    assert 1 - chances[3] == pytest.approx((1 - chances[2]) * left)
    assert chances[4] == pytest.approx(chances[3])


def test_where_waiting_does_not_help_it_does_not_wait() -> None:
    known = [Recovery("t", "s", bucket, 700, 300) for bucket in range(len(BUCKETS_S))]
    assert [Recoveries(known).wait_s("t", "s", 0.0, n_left)[0] for n_left in (1, 2, 3)] == [0.0] * 3


def test_with_attempts_left_a_short_wait_is_tried_before_a_sure_one() -> None:
    chances = (0.0, 0.1, 0.75, 1.0, 1.0)
    known = Recoveries(
        Recovery("t", "s", bucket, round(1000 * one), round(1000 * (1 - one)))
        for bucket, one in enumerate(chances)
    )
    assert known.wait_s("t", "s", 0.0, n_left=1)[0] == 8.0
    assert known.wait_s("t", "s", 0.0, n_left=2)[0] == 2.0
    assert known.wait_s("t", "s", 2.5, n_left=1)[0] == 8.0


def test_the_shortest_of_nearly_equal_waits_is_taken() -> None:
    known = [
        Recovery("t", "s", place, 965 if place else 960, 40) for place in range(len(BUCKETS_S))
    ]
    assert Recoveries(known).wait_s("t", "s", 0.0)[0] == 0.0


def test_what_was_waited_already_is_not_waited_again() -> None:
    known = Recoveries(passing_from(1))
    assert known.wait_s("t", "s", 0.6)[0] == 2.0
    assert known.wait_s("t", "s", 0.4)[0] == 0.5


def test_behind_the_last_bucket_waits_double() -> None:
    assert Recoveries().wait_s("t", "s", 40.0) == (80.0, 0.8)


def test_a_failure_is_known_by_test_and_signature() -> None:
    known = Recoveries([Recovery("t", "s", 0, 1, 0)])
    assert known.knows("t", "s")
    assert not known.knows("t", "r")
    assert not known.knows("u", "s")


def test_a_tally_adds_up_all_signatures_of_a_test() -> None:
    known = Recoveries([Recovery("t", "s", 0, 1, 2), Recovery("t", "r", 3, 4, 0)])
    tally = known.of_test("t")
    assert (tally.n_passed, tally.n_failed) == (5, 2)
    assert known.of_test("u").n_passed == 0


@given(rows, st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter(known: list[Recovery], order: list[int]) -> None:
    shuffled = [known[place] for place in order if place < len(known)]
    for waited_s in (0.0, 1.0, 50.0):
        assert Recoveries(shuffled).wait_s("t", "s", waited_s) == Recoveries(known).wait_s(
            "t", "s", waited_s
        )


@given(rows, st.floats(0, 1e6), st.integers(1, 6))
def test_it_waits_for_what_is_ahead_and_chances_are_chances(
    known: list[Recovery], waited_s: float, n_left: int
) -> None:
    recoveries = Recoveries(known)
    until_s, chance = recoveries.wait_s("t", "s", waited_s, n_left)
    assert 0 < chance < 1
    assert all(0 < one < 1 for one in recoveries.chances("t", "s"))
    assert until_s > waited_s or waited_s == 0


@given(rows, st.integers(0, LAST))
def test_a_bucket_that_heals_more_is_not_thought_to_heal_less(
    known: list[Recovery], bucket: int
) -> None:
    more = [*known, Recovery("t", "s", bucket, 1, 0)]
    before = Recoveries(known).chances("t", "s")[bucket]
    assert Recoveries(more).chances("t", "s")[bucket] >= before
