"""What tests of an imaginary session used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.dependencies import Dependency, ModuleLevel, SessionUses, TestUses
from pytest_nexus.domain.records import TestKey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_nexus.domain.dependencies import KnownUses

STATEMENTS = (("", "0" * 16), ("SIDES", "1" * 16), ("Shape.area", "2" * 16))


def dependency(name: str, digest: str = "a" * 16) -> Dependency:
    """A block if the name has two colons, a module if it ends in `.py`, else a variable.

    The digest may follow the name: `src/a.py=b` has the digest `bbbbbbbbbbbbbbbb`.
    """
    name, _, said = name.partition("=")
    digest = said * 16 if said else digest
    if "::" in name:
        return Dependency("block", name, digest)
    return Dependency("module" if name.endswith(".py") else "variable", name, digest)


def session_uses(
    tests: Mapping[str, Collection[str]], obstacles: Mapping[str, str] | None = None
) -> SessionUses:
    """What tests used, by names; modules are in one set, and all others in a second one."""
    found = {name: dependency(name) for names in tests.values() for name in names}
    names = sorted(found)
    places: dict[tuple[int, ...], int] = {}
    used = []
    for key, own in tests.items():
        members = sorted(names.index(name) for name in own)
        modules = tuple(at for at in members if found[names[at]].kind == "module")
        others = tuple(at for at in members if at not in modules)
        sets = [places.setdefault(each, len(places)) for each in (modules, others) if each]
        used.append(TestUses(TestKey(key), tuple(sets), (obstacles or {}).get(key, "")))
    levels = tuple(
        ModuleLevel(each.digest, STATEMENTS) for each in found.values() if each.kind == "module"
    )
    return SessionUses(
        tuple(found[name] for name in names),
        tuple(places),
        tuple(used),
        tuple(dict.fromkeys(levels)),
    )


def meaning(uses: SessionUses) -> dict[str, tuple[frozenset[Dependency], str]]:
    """The dependencies and the obstacle of each test, however they are divided into sets."""
    return {
        test.key: (
            frozenset(uses.dependencies[at] for each in test.sets for at in uses.sets[each]),
            test.obstacle,
        )
        for test in uses.tests
    }


def known(uses: KnownUses) -> dict[str, list[tuple[frozenset[Dependency], str, str | None, float]]]:
    """The fingerprints of each test, without the ids that differ between copies."""
    return {
        key: [
            (
                frozenset(uses.dependencies[at] for at in each.members),
                each.run_uid,
                each.commit,
                each.at,
            )
            for each in found
        ]
        for key, found in uses.fingerprints.items()
    }
