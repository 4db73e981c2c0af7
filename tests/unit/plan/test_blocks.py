from __future__ import annotations

from pytest_nexus.plan.blocks import Block, fixed_ends, lay_out, leaves
from tests.support.builders import collected

MODULE = "module:t/a.py"
CLASS = "class:t/a.py::A"


def test_tests_without_scopes_are_free() -> None:
    layout = lay_out([collected("t/a.py::x"), collected("t/a.py::y")])
    assert layout.body.members == (0, 1)
    assert layout.names() == {}


def test_tests_that_share_a_scope_get_together_wherever_they_stand() -> None:
    layout = lay_out(
        [
            collected("t/a.py::x", (MODULE,)),
            collected("t/a.py::y"),
            collected("t/a.py::z", (MODULE,)),
        ]
    )
    assert layout.body.members == (Block(MODULE, (0, 2), 0), 1)
    assert layout.names() == {0: MODULE, 2: MODULE}


def test_inner_scopes_are_blocks_inside() -> None:
    layout = lay_out([collected("t/a.py::x", (MODULE, CLASS)), collected("t/a.py::y", (MODULE,))])
    assert layout.body.members == (Block(MODULE, (Block(CLASS, (0,), 0), 1), 0),)
    assert layout.names() == {0: MODULE, 1: MODULE}


def test_parameters_of_a_session_fixture_are_blocks() -> None:
    scopes = [("param:session:db:0", MODULE), ("param:session:db:1", MODULE)] * 2
    layout = lay_out([collected(f"t/a.py::x{i}", scope) for i, scope in enumerate(scopes)])
    assert [leaves(member) for member in layout.body.members] == [[0, 2], [1, 3]]


def test_order_marks_at_the_ends_stay_there() -> None:
    tests = [
        collected("t/a.py::first", marker="order"),
        collected("t/a.py::free"),
        collected("t/a.py::last", (MODULE,), marker="order"),
    ]
    layout = lay_out(tests)
    assert (layout.prefix, layout.body.members, layout.suffix) == ((0,), (1,), (2,))


def test_a_collection_of_nothing_but_order_marks_is_all_prefix() -> None:
    tests = [collected("t/a.py::x", marker="order"), collected("t/a.py::y", marker="order")]
    assert fixed_ends(tests) == (2, 2)
    assert lay_out(tests).body.members == ()


def test_order_marks_in_between_form_one_rigid_chain() -> None:
    tests = [
        collected("t/a.py::a"),
        collected("t/a.py::b", (MODULE,), marker="order"),
        collected("t/a.py::c", (MODULE,)),
        collected("t/b.py::d", marker="order"),
        collected("t/b.py::e"),
    ]
    chain = Block("order", (1, 3), 1, is_rigid=True)
    assert lay_out(tests).body.members == (0, chain, Block(MODULE, (2,), 2), 4)


def test_dependency_marks_of_each_file_form_their_own_chain() -> None:
    tests = [
        collected("t/a.py::a", marker="dependency"),
        collected("t/b.py::b", marker="dependency"),
        collected("t/a.py::c"),
        collected("t/a.py::d", marker="dependency"),
    ]
    members = lay_out(tests).body.members
    assert members == (
        Block("dependency:t/a.py", (0, 3), 0, is_rigid=True),
        Block("dependency:t/b.py", (1,), 1, is_rigid=True),
        2,
    )


def test_a_chain_stays_inside_the_scopes_that_all_of_it_share() -> None:
    other = "class:t/a.py::B"
    tests = [
        collected("t/a.py::a", (MODULE, CLASS), marker="dependency"),
        collected("t/a.py::b", (MODULE, other), marker="dependency"),
        collected("t/a.py::c", (MODULE,)),
    ]
    chain = Block("dependency:t/a.py", (0, 1), 0, is_rigid=True)
    assert lay_out(tests).body.members == (Block(MODULE, (chain, 2), 0),)
