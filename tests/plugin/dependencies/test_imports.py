"""Which modules count as used by a test: those that its file and its functions import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_closure_of_imports(track_anyhow: Callable[..., Tracked]) -> None:
    """A constant counts although nothing of its module is executed after the import."""
    found = track_anyhow(
        {
            "pkg/__init__.py": "",
            "pkg/limits.py": "LIMIT = 3",
            "pkg/deep.py": "from .limits import LIMIT",
            "pkg/lib.py": """
                from pkg.deep import LIMIT

                def f():
                    return LIMIT
            """,
            "pkg/apart.py": "LIMIT = 4",
            "test_a.py": """
                from pkg.lib import f

                def test_f():
                    assert f() == 3
            """,
            "test_b.py": """
                from pkg import apart

                def test_apart():
                    assert apart.LIMIT == 4
            """,
        }
    )
    assert found.of_kind("module", "test_f") == {
        "test_a.py", "pkg/__init__.py", "pkg/lib.py", "pkg/deep.py", "pkg/limits.py",
    }  # fmt: skip
    assert found.of_kind("module", "test_apart") == {
        "test_b.py", "pkg/__init__.py", "pkg/apart.py",
    }  # fmt: skip


def test_import_inside_a_function_counts_for_each_of_its_tests(
    track_anyhow: Callable[..., Tracked],
) -> None:
    found = track_anyhow(
        {
            "deep.py": "LIMIT = 3",
            "late.py": "from deep import LIMIT",
            "lib.py": """
                def f():
                    from late import LIMIT
                    return LIMIT

                def g():
                    return 1
            """,
            "test_a.py": """
                import lib

                def test_first():
                    assert lib.f() == 3

                def test_second():
                    assert lib.f() == 3

                def test_other():
                    assert lib.g() == 1

                def test_own():
                    import late
                    assert late.LIMIT == 3
            """,
        }
    )
    users = {"test_first", "test_second", "test_own"}
    assert found.users("module late.py") == users
    assert found.users("module deep.py") == users


def test_import_by_name_at_run_time(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "plugins/__init__.py": "",
            "plugins/one.py": "VALUE = 1",
            "plugins/two.py": "VALUE = 2",
            "lib.py": """
                import importlib

                def load(name):
                    return importlib.import_module(f"plugins.{name}").VALUE

                def other():
                    return 1
            """,
            "test_a.py": """
                import lib

                def test_one():
                    assert lib.load("one") == 1

                def test_one_too():
                    assert lib.load("one") == 1

                def test_other():
                    assert lib.other() == 1
            """,
        }
    )
    assert {"test_one", "test_one_too"} <= found.users("module plugins/one.py")
    assert "test_other" not in found.users("module plugins/one.py")


@pytest.mark.parametrize("package", ["__name__", '"app"'])
def test_relative_import_by_name_at_run_time(
    track_anyhow: Callable[..., Tracked], package: str
) -> None:
    """A package that loads its modules late, as `__getattr__` of a module does."""
    found = track_anyhow(
        {
            "app/__init__.py": f"""
                import importlib

                def __getattr__(name):
                    return importlib.import_module(f".{{name}}", {package})
            """,
            "app/late.py": "VALUE = 1",
            "test_a.py": """
                import app

                def test_one():
                    assert app.late.VALUE == 1

                def test_one_too():
                    assert app.__getattr__("late").VALUE == 1

                def test_other():
                    assert app.__name__ == "app"
            """,
        }
    )
    assert {"test_one", "test_one_too"} <= found.users("module app/late.py")
    assert not found.users("file late.py")


def test_registry_that_imports_make(track: Callable[..., Tracked]) -> None:
    """A package whose `__init__` imports its modules dynamically, as plugin systems do."""
    found = track(
        {
            "plugins/__init__.py": """
                import importlib, pkgutil

                NAMES = {}
                for found in pkgutil.iter_modules(__path__):
                    module = importlib.import_module(f"{__name__}.{found.name}")
                    NAMES[found.name] = module.VALUE
            """,
            "plugins/one.py": "VALUE = 1",
            "test_a.py": """
                from plugins import NAMES

                def test_names():
                    assert NAMES == {"one": 1}
            """,
            "test_b.py": "def test_other(): pass",
        }
    )
    assert found.users("module plugins/one.py", "folder plugins") == {"test_names"}


def test_module_that_may_appear(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                try:
                    from speedups import f
                except ImportError:
                    def f():
                        return 1
            """,
            "pkg/__init__.py": """
                try:
                    from . import _speed
                except ImportError:
                    _speed = None
            """,
            "test_a.py": """
                import lib

                def test_f():
                    assert lib.f() == 1
            """,
            "test_b.py": """
                import pkg

                def test_speed():
                    assert pkg._speed is None
            """,
        }
    )
    assert found.users("file speedups.py", "file speedups/__init__.py") == {"test_f"}
    assert found.uses["test_f"]["file speedups.py"] == ""
    assert found.users("distribution speedups") == {"test_f"}
    assert found.users("file pkg/_speed.py") == {"test_speed"}


def test_import_that_fails_inside_a_function(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                def f():
                    try:
                        import fast_lib
                    except ImportError:
                        return 1

                def other():
                    return 2
            """,
            "test_a.py": """
                import lib

                def test_f():
                    assert lib.f() == 1

                def test_other():
                    assert lib.other() == 2
            """,
        }
    )
    assert found.users("file fast_lib.py", "distribution fast-lib") == {"test_f"}


def test_star_import(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "values.py": "A = 1",
            "lib.py": "from values import *",
            "test_a.py": """
                import lib

                def test_star():
                    assert lib.A == 1
            """,
            "test_b.py": "def test_other(): pass",
        }
    )
    assert found.users("module values.py") == {"test_star"}


def test_attribute_of_a_package_that_another_file_imported(track: Callable[..., Tracked]) -> None:
    """`pkg.late` works in a test because another file imports it: the function that runs counts."""
    found = track(
        {
            "pkg/__init__.py": "",
            "pkg/late.py": "def f(): return 1",
            "test_a.py": """
                import pkg.late

                def test_own():
                    assert pkg.late.f() == 1
            """,
            "test_b.py": """
                import pkg

                def test_borrowed():
                    assert pkg.late.f() == 1

                def test_none():
                    pass
            """,
        }
    )
    assert found.users("block pkg/late.py::f", "module pkg/late.py") == {
        "test_own", "test_borrowed",
    }  # fmt: skip


def test_namespace_package(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "space/one.py": "def f(): return 1",
            "space/two.py": "def f(): return 2",
            "test_a.py": """
                from space import one
                from space.two import f

                def test_one():
                    assert one.f() == 1

                def test_two():
                    assert f() == 2
            """,
        }
    )
    assert found.users("block space/one.py::f") == {"test_one"}
    assert found.users("block space/two.py::f") == {"test_two"}


def test_source_folder_layout(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "pytest.ini": "[pytest]\npythonpath = src\n",
            "src/pkg/__init__.py": "from .values import A",
            "src/pkg/values.py": "A = 1",
            "src/pkg/lib.py": "def f(): return 1",
            "tests/test_a.py": """
                import pkg.lib

                def test_f():
                    assert pkg.lib.f() == 1

                def test_a():
                    assert pkg.A == 1
            """,
        }
    )
    assert found.users("block src/pkg/lib.py::f") == {"test_f"}
    assert found.users("module src/pkg/values.py") == {"test_f", "test_a"}


def test_reload(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "def f(): return 1\n\ndef g(): return 2\n",
            "test_a.py": """
                import importlib
                import lib

                def test_before():
                    assert lib.f() == 1

                def test_reload():
                    importlib.reload(lib)
                    assert lib.f() == 1

                def test_after():
                    assert lib.f() == 1

                def test_g():
                    assert lib.g() == 2
            """,
        }
    )
    assert found.users("block lib.py::f") == {"test_before", "test_reload", "test_after"}
    assert found.users("block lib.py::g") == {"test_g"}


def test_file_under_two_names(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "pytest.ini": "[pytest]\npythonpath = . pkg\n",
            "pkg/__init__.py": "",
            "pkg/lib.py": "def f(): return 1\n\ndef g(): return 2\n",
            "test_a.py": """
                import lib
                import pkg.lib

                def test_short():
                    assert lib.f() == 1

                def test_long():
                    assert pkg.lib.f() == 1

                def test_g():
                    assert lib.g() == pkg.lib.g()
            """,
        }
    )
    assert found.users("block pkg/lib.py::f") == {"test_short", "test_long"}
    assert found.users("block pkg/lib.py::g") == {"test_g"}


def test_distribution_of_one_test(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "test_a.py": """
                import attr

                def test_attrs():
                    assert attr
            """,
            "test_b.py": """
                def test_inside():
                    import attr
                    assert attr

                def test_none():
                    pass
            """,
        }
    )
    assert found.users("distribution attrs") == {"test_attrs", "test_inside"}
    assert found.users("distribution pytest") == set(found.uses)
    assert found.users("distribution coverage") == set()
    assert found.users("distribution pytest-xdist") == set()


def test_requirements_of_a_distribution(track: Callable[..., Tracked]) -> None:
    """An upgrade of MarkupSafe, which Jinja2 requires, may change the result."""
    found = track(
        {
            "test_a.py": """
                import jinja2

                def test_template():
                    assert jinja2.Template("{{ 1 + 1 }}").render() == "2"
            """,
            "test_b.py": "def test_none(): pass",
        }
    )
    assert found.users("distribution jinja2", "distribution markupsafe") == {"test_template"}


def test_code_that_a_test_writes_and_imports(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "test_a.py": """
                import sys

                def test_made(tmp_path, monkeypatch):
                    (tmp_path / "made.py").write_text("def f(): return 1")
                    monkeypatch.syspath_prepend(tmp_path)
                    import made
                    assert made.f() == 1

                def test_other():
                    pass
            """,
        }
    )
    assert found.users("module test_a.py") == {"test_made", "test_other"}


def test_editable_project(track: Callable[..., Tracked], tmp_path: Path) -> None:
    """The project itself is installed, and its files count by their content all the same."""
    info = tmp_path / "site" / "my_project-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-project\nVersion: 1.0\n")
    (info / "RECORD").write_text("my_project-1.0.dist-info/METADATA,,\n__editable__.pth,,\n")
    (info / "direct_url.json").write_text(
        f'{{"url": "file://{tmp_path}/project", "dir_info": {{"editable": true}}}}'
    )
    found = track(
        {
            "pytest.ini": f"[pytest]\npythonpath = src {tmp_path}/site\n",
            "src/my_project/__init__.py": "",
            "src/my_project/lib.py": "def f(): return 1\n\ndef g(): return 2\n",
            "test_a.py": """
                from my_project import lib

                def test_f(): assert lib.f() == 1
                def test_g(): assert lib.g() == 2
            """,
        }
    )
    assert found.users("block src/my_project/lib.py::f") == {"test_f"}
    assert found.users("block src/my_project/lib.py::g") == {"test_g"}
    assert "my-project" not in found.of_kind("distribution", "test_f")
    assert set(found.obstacles.values()) == {""}


def test_test_files_of_one_name(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": "def f(): return 1\n\ndef g(): return 2\n",
            "one/test_a.py": "import lib\ndef helper(): return lib.f()\ndef test_one(): helper()",
            "two/test_a.py": "import lib\ndef helper(): return lib.g()\ndef test_two(): helper()",
        },
        "--import-mode=importlib",
        "-o", "pythonpath=.",
    )  # fmt: skip
    assert found.users("block lib.py::f", "block one/test_a.py::helper") == {"test_one"}
    assert found.users("block lib.py::g", "block two/test_a.py::helper") == {"test_two"}


def test_resources_of_a_package(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "pkg/__init__.py": "",
            "pkg/data.txt": "a",
            "pkg/other.txt": "b",
            "test_a.py": """
                import pkgutil
                from importlib import resources

                def test_resources():
                    assert (resources.files("pkg") / "data.txt").read_text() == "a"

                def test_pkgutil(): assert pkgutil.get_data("pkg", "data.txt") == b"a"
                def test_other(): assert pkgutil.get_data("pkg", "other.txt") == b"b"
            """,
        }
    )
    assert found.users("file pkg/data.txt") == {"test_resources", "test_pkgutil"}
    assert found.users("file pkg/other.txt") == {"test_other"}
    assert "test_resources" in found.users("module pkg/__init__.py")
