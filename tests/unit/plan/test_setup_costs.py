from __future__ import annotations

import pytest

from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.setup_costs import shared_setups
from tests.support.builders import by_key, collected, known

MODULE = "module:t/a.py"


def charged(tests, setups):
    stats = by_key(
        *(known(t.key, setup_s=s) for t, s in zip(tests, setups, strict=True) if s is not None)
    )
    return shared_setups(tests, StatsIndex(stats, {}), lay_out(tests))


def test_block_costs_what_its_payer_paid_above_the_typical() -> None:
    tests = [collected(f"t/a.py::x{i}", (MODULE,)) for i in range(3)]
    setups = charged(tests, [5.0, 0.1, 0.2])
    assert setups.by_block == {MODULE: pytest.approx(4.8)}
    assert setups.paid_by == {0: pytest.approx(4.8)}


def test_payer_is_the_same_in_any_order_of_the_collection() -> None:
    tests = [collected(f"t/a.py::x{i}", (MODULE,)) for i in range(5)]
    paid = [5.0, 0.1, 5.0, 0.2, 0.1]
    straight, reverse = charged(tests, paid), charged(tests[::-1], paid[::-1])
    assert straight.by_block == reverse.by_block
    assert straight.paid_by == {4 - index: cost for index, cost in reverse.paid_by.items()}


def test_inner_block_is_not_charged_again_for_what_the_outer_one_paid() -> None:
    inner = "class:t/a.py::A"
    tests = [
        collected("t/a.py::x", (MODULE, inner)),
        collected("t/a.py::y", (MODULE, inner)),
        collected("t/a.py::z", (MODULE,)),
    ]
    assert charged(tests, [5.0, 1.0, 1.0]).by_block == {MODULE: 4.0}


def test_inner_block_with_a_payer_of_its_own_is_charged() -> None:
    inner = "class:t/a.py::A"
    scopes = [(MODULE,), (MODULE,), (MODULE,), (MODULE, inner), (MODULE, inner)]
    tests = [collected(f"t/a.py::x{i}", scope) for i, scope in enumerate(scopes)]
    setups = charged(tests, [9.0, 0.0, 0.0, 3.0, 0.0])
    assert setups.by_block == {MODULE: 9.0, inner: 3.0}
    assert setups.paid_by == {0: 9.0, 3: 3.0}


def test_same_scope_under_two_parameters_costs_the_larger_of_both() -> None:
    tests = [collected(f"t/a.py::x{i}", (f"param:session:db:{i // 2}", MODULE)) for i in range(4)]
    assert max(charged(tests, [2.0, 0.0, 7.0, 0.0]).by_block.values()) == 7.0


def test_free_tests_and_new_tests_share_nothing() -> None:
    tests = [
        collected("t/a.py::free"),
        collected("t/a.py::new", (MODULE,)),
        collected("t/a.py::newer", (MODULE,)),
    ]
    setups = charged(tests, [3.0, None, None])
    assert (dict(setups.by_block), dict(setups.paid_by)) == ({}, {})


def test_rigid_chain_has_no_set_up_of_its_own() -> None:
    tests = [collected(f"t/a.py::x{i}", marker="dependency") for i in range(2)]
    assert charged(tests, [3.0, 0.0]).by_block == {}
