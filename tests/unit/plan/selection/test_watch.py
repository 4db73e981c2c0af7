from __future__ import annotations

from math import comb
from random import Random

import pytest

from pytest_nexus.plan.selection.watch import LEVEL, Check, watch


def checks(missed, risk=0.05):
    return [Check(float(at), f"run{at}", risk, bad) for at, bad in enumerate(missed)]


def test_a_promise_that_is_kept_is_rarely_stopped():
    """The misses are as frequent as promised, so every alarm is false."""
    random = Random(5)
    n_false = sum(
        watch(checks([random.random() < 0.05 for _ in range(100)])) is not None for _ in range(400)
    )
    assert n_false / 400 <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 400) ** 0.5


@pytest.mark.parametrize(("risk", "true", "within"), [(0.01, 0.2, 40), (0.05, 0.3, 60)])
def test_drift_raises_the_alarm_within_n_runs(risk, true, within):
    random = Random(7)
    late = 0
    for _ in range(200):
        alarm = watch(checks([random.random() < true for _ in range(within)], risk))
        late += alarm is None
    assert late <= 200 * 0.1


def test_drift_raises_the_alarm_after_a_good_time_too():
    random = Random(9)
    alarm = watch(checks([False] * 1050 + [random.random() < 0.5 for _ in range(60)]))
    assert alarm is not None
    assert alarm.at < 1110


def test_the_alarm_names_the_runs_and_the_exact_probability():
    alarm = watch(checks([False, True, True, False, True, True], 0.05))
    assert alarm is not None
    assert alarm.runs == ("run1", "run2")
    assert (alarm.at, alarm.n_checks, alarm.n_missed) == (2.0, 3, 2)
    exact = sum(comb(3, k) * 0.05**k * 0.95 ** (3 - k) for k in (2, 3))
    assert alarm.p_value == pytest.approx(exact)
    assert alarm.promised == pytest.approx(0.05)
    assert alarm.p_value <= alarm.level == pytest.approx(LEVEL / 6)


def test_different_promises_count_with_their_own_probabilities():
    lax = [Check(0.0, "a", 0.5, missed=True)]
    strict = [Check(1.0, "b", 0.01, missed=True)]
    assert watch(lax) is None
    assert watch(strict) is not None
    alarm = watch(lax + strict)
    assert alarm is not None
    assert alarm.p_value == pytest.approx(0.5 * 0.01)
    both = [strict[0]._replace(run_uid="c", risk=0.5, missed=False), *lax * 3]
    assert watch(both) is None


def test_no_check_is_no_alarm():
    assert watch([]) is None
    assert watch(checks([False] * 50)) is None
