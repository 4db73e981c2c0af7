"""Which functions count as used by a test: those that ran while the test ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_functions_and_methods(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": """
                def f():
                    return 1

                def g():
                    return 2

                class Shape:
                    def area(self):
                        return 4

                    @property
                    def side(self):
                        return self._side

                    @side.setter
                    def side(self, value):
                        self._side = value

                    @staticmethod
                    def unit():
                        return 1

                    @classmethod
                    def made(cls):
                        return cls()

                    class Inner:
                        def name(self):
                            return "inner"
            """,
            "test_a.py": """
                from lib import Shape, f, g

                def test_f():
                    assert f() == 1

                def test_g():
                    assert g() == 2

                def test_both():
                    assert f() + g() == 3

                def test_area():
                    assert Shape().area() == 4

                def test_getter():
                    shape = Shape()
                    shape._side = 3
                    assert shape.side == 3

                def test_setter():
                    shape = Shape()
                    shape.side = 3

                def test_static():
                    assert Shape.unit()

                def test_class():
                    assert Shape.made()

                def test_inner():
                    assert Shape.Inner().name() == "inner"
            """,
        }
    )
    assert found.users("block lib.py::f") == {"test_f", "test_both"}
    assert found.users("block lib.py::g") == {"test_g", "test_both"}
    assert found.users("block lib.py::Shape.area") == {"test_area"}
    assert found.users("block lib.py::Shape.side") == {"test_getter"}
    assert found.users("block lib.py::Shape.side#2") == {"test_setter"}
    assert found.users("block lib.py::Shape.unit") == {"test_static"}
    assert found.users("block lib.py::Shape.made") == {"test_class"}
    assert found.users("block lib.py::Shape.Inner.name") == {"test_inner"}
    for name in found.uses:
        assert found.of_kind("module", name) == {"lib.py", "test_a.py"}
        assert {each for each in found.of_kind("block", name) if each.startswith("test_a")} == {
            f"test_a.py::{name}"
        }
    assert set(found.obstacles.values()) == {""}


def test_nested_functions_belong_to_the_outermost(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                def adder(n):
                    def add(m):
                        return n + m
                    return add

                add_two = adder(2)
                double = lambda n: 2 * n
                triple = (lambda k: lambda n: k * n)(3)

                def counted(n):
                    yield from range(n)

                def other():
                    return [n for n in range(3)]
            """,
            "test_a.py": """
                import lib

                def test_closure():
                    assert lib.add_two(1) == 3

                def test_lambda():
                    assert lib.double(2) == 4 and lib.triple(2) == 6

                def test_generator():
                    assert list(lib.counted(2)) == [0, 1]

                def test_other():
                    assert lib.other()
            """,
        }
    )
    # The module level calls `adder`, so every test that imports the module depends on the function.
    assert found.users("block lib.py::adder") == set(found.uses)
    assert found.users("block lib.py::counted") == {"test_generator"}
    assert found.users("block lib.py::other") == {"test_other"}


def test_generator_that_started_in_another_test(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                def numbers():
                    yield from steps()

                def steps():
                    yield 1
                    yield 2

                def other():
                    return 1
            """,
            "conftest.py": """
                import lib, pytest

                @pytest.fixture(scope="module")
                def numbers():
                    made = lib.numbers()
                    next(made)
                    return made
            """,
            "test_a.py": """
                import lib

                def test_first(numbers):
                    assert lib.other()

                def test_second(numbers):
                    assert next(numbers) == 2

                def test_neither():
                    assert lib.other()
            """,
        }
    )
    assert found.users("block lib.py::steps") == {"test_first", "test_second"}
    assert "block conftest.py::numbers" in found.uses["test_second"]
    assert found.users("block lib.py::other") == {"test_first", "test_neither"}


def test_coroutines(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                async def f():
                    return await g()

                async def g():
                    return 1

                async def other():
                    yield 1
            """,
            "test_a.py": """
                import asyncio
                import lib

                def test_f():
                    assert asyncio.run(lib.f()) == 1

                def test_other():
                    async def first():
                        async for one in lib.other():
                            return one
                    assert asyncio.run(first()) == 1
            """,
        }
    )
    assert found.users("block lib.py::f", "block lib.py::g") == {"test_f"}
    assert found.users("block lib.py::other") == {"test_other"}


def test_decorators_run_at_import(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "deco.py": """
                import functools

                def traced(function):
                    @functools.wraps(function)
                    def wrapper(*args):
                        return function(*args)
                    return wrapper

                def unused(function):
                    return function
            """,
            "lib.py": """
                from deco import traced

                @traced
                def f():
                    return 1

                def plain():
                    return 2
            """,
            "other.py": "def plain(): return 3",
            "test_a.py": """
                import lib

                def test_f():
                    assert lib.f() == 1

                def test_plain():
                    assert lib.plain() == 2
            """,
            "test_b.py": """
                import other

                def test_other():
                    assert other.plain() == 3
            """,
        }
    )
    assert found.users("block deco.py::traced") == {"test_f", "test_plain"}
    assert found.users("block lib.py::f") == {"test_f"}
    assert found.users("block deco.py::unused") == set()
    assert found.users("module deco.py") == {"test_f", "test_plain"}
    assert found.users("module other.py") == {"test_other"}


def test_generated_code(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                from dataclasses import dataclass, field

                def origin():
                    return 0

                @dataclass
                class Point:
                    x: int = field(default_factory=origin)

                    def __post_init__(self):
                        self.y = self.x

                def generate():
                    names = {"base": base}
                    exec("def made(): return base()", names)
                    return names["made"]

                def base():
                    return 1

                made = generate()
            """,
            "test_a.py": """
                import lib

                def test_point():
                    assert lib.Point().y == 0

                def test_given_point():
                    assert lib.Point(1).y == 1

                def test_made():
                    assert lib.made() == 1

                def test_none():
                    pass
            """,
        }
    )
    assert found.users("block lib.py::origin") == {"test_point"}
    assert found.users("block lib.py::Point.__post_init__") == {"test_point", "test_given_point"}
    assert found.users("block lib.py::base") == {"test_made"}
    assert found.users("block lib.py::generate") == set(found.uses)


def test_threads_within_a_test(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                def f():
                    return g()

                def g():
                    return 1

                def other():
                    return 2
            """,
            "test_a.py": """
                from concurrent.futures import ThreadPoolExecutor
                import lib

                def test_pool():
                    with ThreadPoolExecutor(2) as pool:
                        assert list(pool.map(lambda _: lib.f(), range(4))) == [1] * 4

                def test_other():
                    assert lib.other() == 2
            """,
        }
    )
    assert found.users("block lib.py::g") == {"test_pool"}
    assert found.users("block lib.py::other") == {"test_other"}
    assert found.obstacles == {"test_pool": "", "test_other": ""}


def test_equal_functions_of_two_files(track: Callable[..., Tracked]) -> None:
    """Code objects with equal content compare equal, and belong to different files."""
    text = "def f():\n    return 1\n"
    found = track(
        {
            "one.py": text,
            "two.py": text,
            "test_a.py": """
                import one, two

                def test_one():
                    assert one.f() == 1

                def test_two():
                    assert two.f() == 1
            """,
        }
    )
    assert found.users("block one.py::f") == {"test_one"}
    assert found.users("block two.py::f") == {"test_two"}
