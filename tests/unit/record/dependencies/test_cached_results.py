"""Which functions leave something, by their code and by the values of their module."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.record.dependencies.watching.cached_results import Lasting, names_in
from tests.support.tracked import needs_monitoring

pytestmark = needs_monitoring


def module_of(source: str) -> ModuleType:
    module = ModuleType("lib")
    exec(compile(dedent(source), "lib.py", "exec"), module.__dict__)  # noqa: S102 - of this file
    return module


def lasting(source: str) -> dict[str, set[str]]:
    """The names that lead to what each function of a module leaves, by the name of the function."""
    module = module_of(source)
    codes: dict[int, Any] = {}
    for value in [*vars(module).values(), *vars(getattr(module, "C", object)).values()]:
        function = getattr(value, "__func__", value)
        code = getattr(function, "__code__", None)
        if code is not None:
            codes[identity_of(code)] = code
    found = Lasting()
    found.scan(module)
    found.add_writers(codes.values())
    return {
        codes[number].co_name: names for number, names in found.names.items() if number in codes
    }


WRITERS = {
    "global": ("x = None\ndef f():\n    global x\n    x = 1", {"x"}),
    "deleted_global": ("x = None\ndef f():\n    global x\n    del x", {"x"}),
    "attribute_of_a_global": ("class C: pass\ndef f():\n    C.x = 1", {"x"}),
    "attribute_of_cls": ("class C:\n    @classmethod\n    def f(cls):\n        cls.x = 1", {"x"}),
    "attribute_of_the_class": (
        "class C:\n    def f(self):\n        self.__class__.x = 1",
        {"x"},
    ),
    "attribute_of_a_result": ("def g(): pass\ndef f():\n    g().x = 1", {"x"}),
    "item": ("x = {}\ndef f():\n    x[1] = 2", {"x"}),
    "item_with_a_long_key": ("x = {}\ndef f(a):\n    x[a + 1, str(a)] = 2", {"x"}),
    "item_under_another_name": ("x = {}\ndef f():\n    y = x\n    y[1] = 2", {"x"}),
    "appended": ("x = []\ndef f():\n    x.append(1)", {"x"}),
    "set_default": ("x = {}\ndef f():\n    return x.setdefault(1, 2)", {"x"}),
    "container_of_a_class": (
        "class C:\n    x = {}\n    def f(self):\n        self.x[1] = 2",
        {"x"},
    ),
    "setattr": ("class C: pass\ndef f():\n    setattr(C, 'x', 1)", {"f", "x"}),
    "globals": ("def f():\n    globals()['x'] = 1", {"f", "x"}),
}

HARMLESS = {
    "local": "def f():\n    x = 1",
    "attribute_of_self": "class C:\n    def f(self):\n        self.x = 1",
    "deep_attribute_of_self": "class C:\n    def f(self):\n        self.a.x = 1",
    "attribute_of_a_local": "def f(one):\n    one.x = 1",
    "own_container": "def f():\n    x = {}\n    x[1] = 2",
    "reading_a_container": "x = {}\ndef f():\n    return x.get(1)",
    "reading_one_and_changing_another": "x = {}\ndef f():\n    y = []\n    y.append(len(x))",
    "setattr_on_self": "class C:\n    def f(self):\n        setattr(self, 'x', 1)",
    "reading_globals": "def f():\n    return globals()['x']",
    "standard_library": "import sys\ndef f():\n    sys.stdout = None",
}


@pytest.mark.parametrize("name", WRITERS)
def test_functions_that_leave_something(name: str) -> None:
    source, names = WRITERS[name]
    assert lasting(source) == {"f": names}


@pytest.mark.parametrize("name", HARMLESS)
def test_functions_that_leave_nothing(name: str) -> None:
    assert lasting(HARMLESS[name]) == {}


def names_of(source: str, function: str) -> set[str]:
    """The names that lead to what a function left, found by the constants of the module."""
    module = module_of(source)
    found = Lasting()
    found.scan(module)
    (names,) = [
        names
        for number, names in found.names.items()
        if number == identity_of(vars(module)["CODE"])
    ]
    assert vars(module)["CODE"].co_name == function
    return names


CACHES = {
    "lru_cache": "@functools.lru_cache\ndef f(): pass\nCODE = f.__wrapped__.__code__",
    "renamed": "@functools.cache\ndef f(): pass\nCODE = f.__wrapped__.__code__\ng = f",
    "method": """
        class C:
            @functools.cache
            def f(self): pass
        CODE = C.f.__wrapped__.__code__
    """,
    "static": """
        class C:
            @staticmethod
            @functools.cache
            def f(): pass
        CODE = C.f.__wrapped__.__code__
    """,
    "property": """
        class C:
            @functools.cached_property
            def f(self): pass
        CODE = C.__dict__["f"].func.__code__
    """,
    "property_over_a_cache": """
        class C:
            @property
            @functools.lru_cache
            def f(self): pass
        CODE = C.__dict__["f"].fget.__wrapped__.__code__
    """,
    "in_a_closure": """
        def wrap(function):
            def wrapper(): return function()
            return wrapper
        def f(): pass
        CODE = f.__code__
        f = wrap(functools.cache(f))
    """,
}


@pytest.mark.parametrize("name", CACHES)
def test_caches(name: str) -> None:
    names = names_of("import functools\n" + dedent(CACHES[name]), "f")
    assert names == ({"f", "g"} if name == "renamed" else {"f"})


def test_each_module_is_read_once() -> None:
    module = module_of("import functools\n@functools.cache\ndef f(): pass")
    found = Lasting()
    found.scan(module)
    before = {number: set(names) for number, names in found.names.items()}
    vars(module)["g"] = vars(module)["f"]
    found.scan(module)
    assert found.names == before


def test_what_is_no_module_is_not_read() -> None:
    class Lazy:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    Lasting().scan(Lazy())  # type: ignore[arg-type] # as in sys.modules


def test_names_in_nested_code() -> None:
    module = module_of("def f():\n    def g():\n        return deep.name\n    return near")
    assert names_in(vars(module)["f"].__code__) == {"deep", "name", "near"}


FILLED = {
    "none": "if self.x is None: self.x = 1",
    "empty": "if not self.x: self.x = 1",
    "walrus": "if (y := self.x) is None: self.x = 1",
    "variable": "y = self.x\n        if y is None: self.x = 1",
    "hasattr": "if not hasattr(self, 'x'): self.x = 1",
    "error": "try: return self.x\n        except AttributeError: self.x = 1",
}


@pytest.mark.parametrize("name", FILLED)
def test_attribute_of_an_object_that_is_filled_once(name: str) -> None:
    method = f"class C:\n    def f(self):\n        {FILLED[name]}"
    assert lasting(f"{method}\nSHARED = C()") == {"f": set()}
    assert lasting(method) == {}  # no object of a module is a C


@pytest.mark.parametrize(
    "body", ["self.x += 1", "self.x = 1", "if self.y: self.x = 1", "if o.x is None: o.x = 1"]
)
def test_attribute_of_an_object_that_is_just_set(body: str) -> None:
    assert lasting(f"class C:\n    def f(self, o):\n        {body}\nSHARED = C()") == {}
    assert lasting("class C:\n    def __init__(self):\n        if not self.x: self.x = 1") == {}
