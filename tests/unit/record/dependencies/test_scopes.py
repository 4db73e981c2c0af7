"""Scopes collect what is used, and are sealed into little memory."""

from __future__ import annotations

from pytest_nexus.record.dependencies.watching.scopes import Scope


def test_first_obstacle_stays() -> None:
    scope = Scope()
    scope.hinder("it starts a process")
    scope.hinder("it opens a network connection")
    assert scope.seal().obstacle == "it starts a process"


def test_sealed_uses_do_not_depend_on_the_order_of_their_arrival() -> None:
    one, two = Scope(), Scope()
    for scope, order in ((one, 1), (two, -1)):
        for number in (1, 70000, 5)[::order]:
            scope.blocks.add(number)
        for name in ("b", "a")[::order]:
            scope.modules.add(f"{name}.py")
            scope.files.add(f"{name}.txt")
            scope.folders.add(name)
            scope.variables.add(name.upper())
    assert one.seal() == two.seal()
    assert [*one.seal().blocks] == [1, 5, 70000]


def test_sealed_uses_stay_as_they_are() -> None:
    scope = Scope()
    sealed = scope.seal()
    scope.blocks.add(1)
    scope.links.add(Scope())
    assert ([*sealed.blocks], sealed.links) == ([], ())
