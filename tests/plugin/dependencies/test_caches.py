"""What ran when a cache was filled counts for each later test that finds the result."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

TESTS = """
    import lib

    def test_first():
        assert lib.value() == 1

    def test_second():
        assert lib.value() == 1

    def test_other():
        assert lib.other() == 2
"""

CACHES = {
    "lru_cache": """
        import functools

        @functools.lru_cache(maxsize=None)
        def value():
            return costly()
    """,
    "cache": """
        from functools import cache

        @cache
        def value():
            return costly()
    """,
    "cache_inside_another_function": """
        from functools import cache

        @cache
        def _value():
            return costly()

        def value():
            return _value()
    """,
    "cache_of_a_wrapped_function": """
        import functools

        def traced(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)
            return wrapper

        @traced
        @functools.cache
        @traced
        def value():
            return costly()
    """,
    "cached_property": """
        from functools import cached_property

        class Settings:
            @cached_property
            def limit(self):
                return costly()

        settings = Settings()

        def value():
            return settings.limit
    """,
    "global_variable": """
        _value = None

        def value():
            global _value
            if _value is None:
                _value = costly()
            return _value
    """,
    "class_attribute": """
        class Settings:
            limit = None

            @classmethod
            def load(cls):
                if cls.limit is None:
                    cls.limit = costly()
                return cls.limit

        def value():
            return Settings.load()
    """,
    "singleton": """
        class Settings:
            _instance = None

            def __new__(cls):
                if cls._instance is None:
                    cls._instance = super().__new__(cls)
                    cls._instance.limit = costly()
                return cls._instance

        def value():
            return Settings().limit
    """,
    "dictionary": """
        _values = {}

        def value():
            if "value" not in _values:
                _values["value"] = costly()
            return _values["value"]
    """,
    "setdefault_on_a_list": """
        _values = []

        def value():
            if not _values:
                _values.append(costly())
            return _values[0]
    """,
    "attribute_of_a_function": """
        def value():
            if not hasattr(value, "kept"):
                value.kept = costly()
            return value.kept
    """,
    "attribute_of_a_module_level_object": """
        class State:
            limit = None

        state = State()

        def value():
            if state.limit is None:
                state.limit = costly()
            return state.limit
    """,
    "attribute_of_an_object_by_self": """
        class State:
            limit = None

            def load(self):
                if self.limit is None:
                    self.limit = costly()
                return self.limit

        state = State()

        def value():
            return state.load()
    """,
    "property_that_tries": """
        class State:
            @property
            def limit(self):
                try:
                    return self._limit
                except AttributeError:
                    self._limit = costly()
                    return self._limit

        state = State()

        def value():
            return state.limit
    """,
    "property_that_asks": """
        class State:
            @property
            def limit(self):
                if not hasattr(self, "_limit"):
                    self._limit = costly()
                return self._limit

        state = State()

        def value():
            return state.limit
    """,
    "lazy_module_attribute": """
        def __getattr__(name):
            if name != "limit":
                raise AttributeError(name)
            globals()[name] = costly()
            return globals()[name]

        def value():
            import lib
            return lib.limit
    """,
    "closure": """
        def memoize(function):
            kept = {}

            def wrapper(*args):
                if args not in kept:
                    kept[args] = function(*args)
                return kept[args]
            return wrapper

        @memoize
        def value():
            return costly()
    """,
    "nonlocal_variable": """
        def once(function):
            kept = None

            def wrapper():
                nonlocal kept
                if kept is None:
                    kept = function()
                return kept
            return wrapper

        @once
        def value():
            return costly()
    """,
    "default_argument": """
        def value(kept=[]):
            if not kept:
                kept.append(costly())
            return kept[0]
    """,
    "weak_dictionary": """
        import weakref

        class Key:
            pass

        KEY = Key()
        _values = weakref.WeakKeyDictionary()

        def value():
            try:
                return _values[KEY]
            except KeyError:
                _values[KEY] = costly()
                return _values[KEY]
    """,
    "dictionary_of_a_class": """
        class Registry:
            made = {}

            def get(self, name):
                if name not in self.made:
                    self.made[name] = costly()
                return self.made[name]

        def value():
            return Registry().get("value")
    """,
    "union_operator": """
        _values = {}

        def value():
            global _values
            if not _values:
                _values |= {"value": costly()}
            return _values["value"]
    """,
    "set_by_setattr": """
        class Settings:
            limit = None

        def value():
            if Settings.limit is None:
                setattr(Settings, "limit", costly())
            return Settings.limit
    """,
    "thread_local": """
        import threading

        _local = threading.local()

        def value():
            if not hasattr(_local, "limit"):
                _local.limit = costly()
            return _local.limit
    """,
}

COSTLY = """
    def costly():
        return part()

    def part():
        return 1

    def other():
        return 2
"""


@pytest.mark.parametrize("name", CACHES)
def test_second_test_that_finds_the_result(track: Callable[..., Tracked], name: str) -> None:
    found = track({"lib.py": dedent(CACHES[name]) + dedent(COSTLY), "test_a.py": TESTS})
    assert {"test_first", "test_second"} <= found.users("block lib.py::part")
    assert "test_other" not in found.users("block lib.py::part"), found.uses["test_other"]


def test_values_that_stand_for_others(track: Callable[..., Tracked]) -> None:
    """Proxies of web frameworks do work when they are looked at; nothing may look at them."""
    found = track(
        {
            "lib.py": """
                class Lazy:
                    @property
                    def __class__(self):
                        raise RuntimeError("outside of a request")

                    @property
                    def __dict__(self):
                        raise RuntimeError("outside of a request")

                    def __getattr__(self, name):
                        raise RuntimeError("outside of a request")

                    def __eq__(self, other):
                        raise RuntimeError("outside of a request")

                    __hash__ = None

                request = Lazy()

                class Holder:
                    request = Lazy()

                def value(kept=Lazy()):
                    return 1
            """,
            "test_a.py": """
                from lib import request, value

                def test_value():
                    assert value() == 1
            """,
        }
    )
    assert found.users("block lib.py::value") == {"test_value"}
    assert not [line for line in found.result.said if "not recorded" in line]


CACHED = {
    "cached.py": """
        from functools import cache

        @cache
        def value():
            return costly()

        @cache
        def from_fixture():
            return costly_too()

        def costly():
            return 1

        def costly_too():
            return 1

        def other():
            return 2
    """
}


FILLED_BY_A_FIXTURE = """
    import pytest

    @pytest.fixture(scope="session")
    def filled():
        import cached
        return cached.from_fixture()

    def test_fixture(filled): pass

    def test_after_fixture():
        import cached
        assert cached.from_fixture() == 1

    def test_other():
        import cached
        assert cached.other() == 2
"""


def test_cache_that_a_test_imports(track: Callable[..., Tracked]) -> None:
    found = track(
        CACHED
        | {
            "test_a.py": """
                def test_first():
                    import cached
                    assert cached.value() == 1

                def test_second():
                    import cached
                    assert cached.value() == 1
            """,
            "test_b.py": FILLED_BY_A_FIXTURE,
        },
        "--nexus-order=off",
    )
    assert found.users("block cached.py::costly") >= {"test_first", "test_second"}
    assert found.users("block cached.py::costly_too") >= {"test_fixture", "test_after_fixture"}
    assert "test_other" not in found.users("block cached.py::costly")
    assert "test_other" not in found.users("block cached.py::costly_too")


def test_fixture_that_imports_a_cache(track: Callable[..., Tracked]) -> None:
    found = track(CACHED | {"test_a.py": FILLED_BY_A_FIXTURE}, "--nexus-order=off")
    assert found.users("block cached.py::costly_too") == {"test_fixture", "test_after_fixture"}


def test_cache_that_another_module_fills_at_import(track: Callable[..., Tracked]) -> None:
    found = track(
        CACHED
        | {
            "app.py": "import cached\nVALUE = cached.value()",
            "test_a.py": """
                import app

                def test_app(): assert app.VALUE == 1
            """,
            "test_b.py": """
                import cached

                def test_value(): assert cached.value() == 1
                def test_other(): assert cached.other() == 2
            """,
        }
    )
    assert found.users("block cached.py::costly") == {"test_app", "test_value"}


def test_cache_after_a_reload(track: Callable[..., Tracked]) -> None:
    found = track(
        CACHED
        | {
            "test_a.py": """
                import importlib
                import cached

                def test_reload():
                    importlib.reload(cached)

                def test_first(): assert cached.value() == 1
                def test_second(): assert cached.value() == 1
                def test_other(): assert cached.other() == 2
            """,
        },
        "--nexus-order=off",
    )
    assert found.users("block cached.py::costly") == {"test_first", "test_second"}


def test_caches_behind_other_objects(track: Callable[..., Tracked]) -> None:
    found = track(
        CACHED
        | {
            "lib.py": """
                from functools import cache, partial
                import cached

                class Settings:
                    @cache
                    def limit(self):
                        return in_method()

                def in_method():
                    return 1

                @cache
                def by_argument(one):
                    return in_partial()

                def in_partial():
                    return 1

                limit = Settings().limit
                one = partial(by_argument, 1)
                HANDLERS = {"value": cached.value}
            """,
            "test_a.py": """
                from lib import HANDLERS, limit, one

                def test_method(): assert limit() == 1
                def test_method_too(): assert limit() == 1
                def test_partial(): assert one() == 1
                def test_partial_too(): assert one() == 1
                def test_table(): assert HANDLERS["value"]() == 1
                def test_table_too(): assert HANDLERS["value"]() == 1
                def test_other(): pass
            """,
        }
    )
    assert found.users("block lib.py::in_method") == {"test_method", "test_method_too"}
    assert found.users("block lib.py::in_partial") == {"test_partial", "test_partial_too"}
    assert found.users("block cached.py::costly") == {"test_table", "test_table_too"}
