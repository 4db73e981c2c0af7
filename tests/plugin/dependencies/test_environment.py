"""Which variables of the environment count as used by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_ways_to_read_a_variable(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": """
                import os

                AT_IMPORT = os.environ.get("AT_IMPORT")

                def read():
                    return os.getenv("IN_HELPER")
            """,
            "test_a.py": """
                import os
                import lib

                def test_item(): assert os.environ["SET"] == "a"
                def test_get(): assert os.environ.get("SET") == "a"
                def test_getenv(): assert os.getenv("SET") == "a"
                def test_getenvb(): assert os.getenvb(b"SET") == b"a"
                def test_bytes(): assert os.environb[b"SET"] == b"a"
                def test_in(): assert "SET" in os.environ
                def test_unset(): assert os.environ.get("UNSET") is None
                def test_not_in(): assert "UNSET" not in os.environ
                def test_setdefault(): os.environ.setdefault("SET", "b")
                def test_pop(): os.environ.pop("UNSET", None)
                def test_expand(): assert os.path.expandvars("$SET") == "a"
                def test_helper(): lib.read()
                def test_iteration(): assert [name for name in os.environ if name == "SET"]
                def test_items(): assert dict(os.environ.items())
                def test_copy(): assert os.environ.copy()
                def test_dict(): assert dict(os.environ)
                def test_len(): assert len(os.environ)
                def test_repr(): assert "SET" in repr(os.environ)
                def test_union(): assert os.environ | {}
                def test_equal(): assert os.environ != {}
                def test_none(): pass
            """,
        },
        env={"SET": "a"},
    )
    assert found.users("variable SET") == {
        "test_item", "test_get", "test_getenv", "test_getenvb", "test_bytes", "test_in",
        "test_setdefault", "test_expand",
    }  # fmt: skip
    assert found.of_kind("variable", "test_dict") == {"AT_IMPORT", "*"}
    assert found.users("variable UNSET") == {"test_unset", "test_not_in", "test_pop"}
    assert found.users("variable IN_HELPER") == {"test_helper"}
    assert found.users("variable AT_IMPORT") == set(found.uses)
    assert found.users("variable *") == {
        "test_iteration", "test_items", "test_copy", "test_dict", "test_len", "test_repr",
        "test_union", "test_equal",
    }  # fmt: skip
    assert found.of_kind("variable", "test_none") == {"AT_IMPORT"}
    assert "a" not in {digest for used in found.uses.values() for digest in used.values()}


def test_scopes_of_variables(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "conftest.py": """
                import os, pytest

                FLAG = os.environ.get("OF_CONFTEST")

                @pytest.fixture(scope="module")
                def url():
                    return os.environ.get("OF_FIXTURE", "")
            """,
            "lib.py": """
                import os
                from functools import cache

                @cache
                def settings():
                    return os.environ.get("OF_CACHE")

                def late():
                    import late_lib
                    return late_lib.VALUE
            """,
            "late_lib.py": "import os\nVALUE = os.environ.get('OF_LATE_IMPORT')",
            "test_a.py": """
                import lib

                def test_fixture(url): pass
                def test_fixture_too(url): pass
                def test_cache(): lib.settings()
                def test_cache_too(): lib.settings()
                def test_late(): lib.late()
                def test_late_too(): lib.late()
                def test_none(): pass
            """,
        }
    )
    assert found.users("variable OF_CONFTEST") == set(found.uses)
    assert found.users("variable OF_FIXTURE") == {"test_fixture", "test_fixture_too"}
    assert found.users("variable OF_CACHE") == {"test_cache", "test_cache_too"}
    assert found.users("variable OF_LATE_IMPORT") == {"test_late", "test_late_too"}


def test_variable_that_the_test_sets(track: Callable[..., Tracked]) -> None:
    """What the machine has for a variable does not count until it is put back."""
    found = track(
        {
            "lib.py": "import os\ndef read(): return os.environ.get('OWN')",
            "test_a.py": """
                import os
                from unittest import mock
                import pytest
                import lib

                @pytest.fixture
                def own(monkeypatch):
                    monkeypatch.setenv("OWN", "d")

                def test_monkeypatch(monkeypatch):
                    monkeypatch.setenv("OWN", "b")
                    assert lib.read() == "b"

                def test_fixture(own):
                    assert lib.read() == "d"

                def test_assignment():
                    os.environ["OWN"] = "e"
                    assert lib.read() == "e"

                def test_later():
                    assert lib.read() == "e"
                    os.environ["OWN"] = "a"

                def test_context(monkeypatch):
                    with monkeypatch.context() as patch:
                        patch.setenv("OWN", "b")
                    assert lib.read() == "a"

                def test_patch():
                    with mock.patch.dict(os.environ, {"OWN": "c"}):
                        assert lib.read() == "c"
                    assert lib.read() == "a"

                def test_prepend(monkeypatch):
                    monkeypatch.setenv("OWN", "b", prepend=":")

                def test_deleted(monkeypatch):
                    monkeypatch.delenv("OWN")
                    assert lib.read() is None
            """,
        },
        env={"OWN": "a"},
    )
    independent = {"test_monkeypatch", "test_fixture", "test_assignment"}
    assert found.users("variable OWN") == set(found.uses) - independent


def test_environment_that_the_test_replaces(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "import os\ndef read(): return os.environ.get('OTHER')",
            "test_a.py": """
                import os
                from unittest import mock
                import lib

                def test_replaced(monkeypatch):
                    monkeypatch.setattr(os, "environ", {"OTHER": "b"})
                    assert lib.read() == "b"

                def test_cleared():
                    with mock.patch.dict(os.environ, clear=True):
                        assert lib.read() is None

                def test_after():
                    assert lib.read() == "a"
                    assert type(os.environ).__name__ == "_Environ"
            """,
        },
        env={"OTHER": "a"},
    )
    assert found.users("variable OTHER") >= {"test_after"}


def test_variables_that_libraries_read(track: Callable[..., Tracked]) -> None:
    """`tempfile` and `subprocess` read variables on their own account, far from the project."""
    found = track(
        {
            "test_a.py": """
                import tempfile

                def test_library():
                    tempfile._candidate_tempdir_list()
            """,
        }
    )
    assert "TMPDIR" in found.of_kind("variable", "test_library")


def test_copies_of_the_environment(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "test_a.py": """
                import copy, os, pickle

                def test_both_mappings(monkeypatch):
                    monkeypatch.setenv("NEW", "b")
                    assert os.environb[b"NEW"] == b"b"

                def test_deep_copy():
                    made = copy.deepcopy(os.environ)
                    assert dict(made) == dict(os.environ)

                def test_shallow_copy():
                    made = copy.copy(os.environ)
                    assert type(made) is type(os.environ)

                def test_pickle():
                    assert pickle.loads(pickle.dumps(dict(os.environ))) == dict(os.environ)
            """,
        }
    )
    assert found.users("variable *") >= {"test_deep_copy", "test_pickle"}
