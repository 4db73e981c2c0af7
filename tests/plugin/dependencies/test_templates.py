"""Templates that a library keeps compiled: later tests render them without opening the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_compiled_templates(track_anyhow: Callable[..., Tracked]) -> None:
    pytest.importorskip("jinja2")
    found = track_anyhow(
        {
            "templates/base.html": "<p>{% block body %}{% endblock %}</p>",
            "templates/page.html": "{% extends 'base.html' %}{% block body %}{{ x }}{% endblock %}",
            "templates/macros.html": "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}",
            "templates/list.html": "{% from 'macros.html' import twice %}{{ twice(x) }}",
            "lib.py": """
                import jinja2

                environment = jinja2.Environment(loader=jinja2.FileSystemLoader("templates"))

                def render(name):
                    return environment.get_template(name).render(x=1)
            """,
            "test_a.py": """
                import lib

                def test_page(): assert lib.render("page.html") == "<p>1</p>"
                def test_page_too(): assert lib.render("page.html") == "<p>1</p>"
                def test_list(): assert lib.render("list.html") == "11"
                def test_list_too(): assert lib.render("list.html") == "11"
                def test_none(): pass
            """,
        },
        "--nexus-order=off",
    )
    of_page, of_list = {"test_page", "test_page_too"}, {"test_list", "test_list_too"}
    assert found.users("file templates/page.html", "file templates/base.html") == of_page
    assert found.users("file templates/list.html", "file templates/macros.html") == of_list
    assert set(found.obstacles.values()) == {""}


def test_generated_code_that_names_a_data_file(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "rules/one.rule": "1 + 1",
            "lib.py": """
                def load(name):
                    path = f"rules/{name}.rule"
                    source = f"def rule():\\n    return {open(path).read()}"
                    made = {}
                    exec(compile(source, path, "exec"), made)
                    return made["rule"]

                _rules = {}
            """,
            "conftest.py": """
                import pytest
                import lib

                @pytest.fixture(scope="session")
                def rules():
                    return {"one": lib.load("one")}
            """,
            "test_a.py": """
                import lib

                ONE = []

                def test_first(): ONE.append(lib.load("one"))
                def test_second(): assert ONE[0]() == 2
                def test_fixture(rules): assert rules["one"]() == 2
                def test_none(): pass
            """,
        },
        "--nexus-order=off",
    )
    assert found.users("file rules/one.rule") == {"test_first", "test_second", "test_fixture"}
