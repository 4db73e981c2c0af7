"""What must not be in a journal, which goes to places where logs do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

FILES = {
    "test_hiding.py": """
        import logging, os, sys, warnings
        import pytest

        TOKEN = os.environ["DEPLOY_CREDENTIAL"]

        class Holder:
            def __init__(self, text): self.text = text
            def __repr__(self): return f"<holder of {self.text}>"

        @pytest.fixture(autouse=True)
        def noise(record_property):
            record_property("leak", "PROPERTY-leak")
            print("PRINTED-leak")
            sys.stderr.write("STDERR-leak")
            logging.getLogger().warning("LOGGED-leak")
            yield
            print("LATER-leak")

        def test_passed(): warnings.warn("WARNING-leak")
        def test_raises(): raise RuntimeError(f"denied for {TOKEN} at gate")
        def test_raises_in_many_lines(): raise RuntimeError("denied\\nLINE-leak")
        def test_asserts(): assert TOKEN == ""
        def test_asserts_inside(): assert {"token": TOKEN} == {}
        def test_local_variable():
            secret = "LOCAL-leak"
            assert not secret
        def test_variable_set_by_the_test(monkeypatch):
            monkeypatch.setenv("LATE", "ENVIRONMENT-leak")
            raise RuntimeError("got ENVIRONMENT-leak")
        @pytest.mark.parametrize("value", [Holder("PARAMETER-leak")])
        def test_parameter(value): assert value is None
        @pytest.mark.parametrize("value", ["in-the-id"])
        def test_parameter_in_the_id(value): pass
        def test_doctest_like():
            '''
            >>> print("DOCTEST-leak")
            other
            '''
    """,
}


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
def test_no_output_variable_or_value_is_in_the_journal(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(FILES)
    result = made.run(
        "--doctest-modules",
        "-W",
        "default",
        *arguments,
        env={"DEPLOY_CREDENTIAL": "CREDENTIAL-leak", "UNUSED": "UNUSED-leak"},
    )
    assert len(result.attempts) == 11
    (journal,) = made.journals
    for text in (journal.read_bytes(), made.history_path.read_bytes()):
        assert b"leak" not in text
        assert b"in-the-id" in text
    assert result.attempt("test_raises")["failure"]["message"] == "denied for '*' at gate"
