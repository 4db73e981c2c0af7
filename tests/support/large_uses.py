"""A large imaginary suite, shaped like that of networkx: what each of its tests used."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pytest_nexus.domain.dependencies import Dependency, ModuleLevel, SessionUses, TestUses
from pytest_nexus.domain.records import TestKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.domain.dependencies import DependencyKind

N_SOURCES = 300
PER_SOURCE = 20
N_FILES = 200


def _digest(random: Random) -> str:
    return f"{random.getrandbits(64):016x}"


def large_uses(n_tests: int = 5000, seed: int = 1, changed: Iterable[str] = ()) -> SessionUses:
    """Each test uses about 150 of 6,000 functions, and 200 of 300 module levels.

    Args:
        n_tests: of the suite, in 200 files.
        seed: of everything.
        changed: names of functions and files that have another digest than usual.
    """
    random = Random(seed)
    sources = [f"networkx/algorithms/part_{at % 20}/module_{at}.py" for at in range(N_SOURCES)]
    files = [f"networkx/algorithms/part_{at % 20}/tests/test_{at}.py" for at in range(N_FILES)]
    keys = [
        f"{files[at * N_FILES // n_tests]}::TestThing{at % 3}::test_case_{at}"
        for at in range(n_tests)
    ]
    blocks = [f"{source}::function_{at}" for source in sources for at in range(PER_SOURCE)]
    own = [key.replace("::", "\0", 1).replace("::", ".").replace("\0", "::") for key in keys]
    named: list[tuple[DependencyKind, str]] = [
        *(("block", name) for name in (*blocks, *own)),
        *(("module", name) for name in (*sources, *files)),
        *(("distribution", name) for name in ("numpy", "scipy", "pytest")),
        *(("session", name) for name in ("python", "platform", "settings")),
    ]
    other = frozenset(changed)
    dependencies = tuple(
        Dependency(kind, name, _digest(Random(f"{kind}{name}{name in other}")))
        for kind, name in named
    )
    first_module = len(blocks) + n_tests
    sets, tests = _tests(random, keys, first_module, len(dependencies))
    modules = tuple(
        ModuleLevel(each.digest, _statements(Random(each.digest)))
        for each in dependencies
        if each.kind == "module"
    )
    return SessionUses(dependencies, sets, tests, modules)


def _statements(random: Random) -> tuple[tuple[str, str], ...]:
    return tuple((f"name_{at}", _digest(random)) for at in range(30))


def _tests(
    random: Random, keys: list[str], first_module: int, n_dependencies: int
) -> tuple[tuple[tuple[int, ...], ...], tuple[TestUses, ...]]:
    n_blocks = N_SOURCES * PER_SOURCE
    popular = random.sample(range(n_blocks), 70)
    session = tuple(range(first_module + N_SOURCES + N_FILES, n_dependencies))
    places: dict[tuple[int, ...], int] = {session: 0}
    tests: list[TestUses] = []
    base = random.sample(range(N_SOURCES), 190)
    for file in range(N_FILES):
        near = random.sample(range(N_SOURCES), 5)
        modules = sorted({*base, *random.sample(range(N_SOURCES), 10), N_SOURCES + file})
        shared = tuple(first_module + each for each in modules)
        of_file = [each for each in popular if random.random() < 0.9]
        for at in range(file * len(keys) // N_FILES, (file + 1) * len(keys) // N_FILES):
            used = {each for each in of_file if random.random() < 0.93}
            used |= {
                source * PER_SOURCE + each
                for source in near
                for each in range(PER_SOURCE)
                if random.random() < 0.7
            }
            used |= {*random.sample(range(n_blocks), 15), n_blocks + at}
            own = tuple(sorted(used))
            sets = (0, places.setdefault(shared, len(places)), places.setdefault(own, len(places)))
            tests.append(TestUses(TestKey(keys[at]), sets))
    return tuple(places), tuple(tests)
