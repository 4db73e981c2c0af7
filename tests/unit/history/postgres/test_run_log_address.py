from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.postgres.run_log_address import run_log_address

BOUNDS = {"connect_timeout": ["10"], "tcp_user_timeout": ["60000"]}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_an_address_has_bounds_a_schema_and_a_form_for_people(scheme: str) -> None:
    found = run_log_address(f"{scheme}://user:secret@host:5433/runs")
    parts = urlsplit(found.libpq)
    assert (parts.scheme, parts.netloc, parts.path) == (scheme, "user:secret@host:5433", "/runs")
    assert parse_qs(parts.query) == BOUNDS
    assert found.schema == "nexus"
    assert found.shown == "postgresql://host:5433/runs (schema nexus)"


def test_the_schema_is_ours_and_all_other_parameters_are_for_libpq() -> None:
    given = "postgresql://h/d?schema=a_1&sslmode=require&connect_timeout=3&options="
    found = run_log_address(given)
    assert found.schema == "a_1"
    assert found.shown == "postgresql://h/d (schema a_1)"
    query = parse_qs(urlsplit(found.libpq).query, keep_blank_values=True)
    given_ones = {"sslmode": ["require"], "connect_timeout": ["3"], "options": [""]}
    assert query == BOUNDS | given_ones


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ("postgresql://user:p%40ss@h/d", ["p%40ss", "p@ss"]),
        ("postgresql://user:p%40ss@h/d?password=other", ["p%40ss", "p@ss", "other"]),
        ("postgresql://h/d?password=p%40ss", ["p@ss"]),
        ("postgresql://user:a:b@h/d", ["a:b"]),
        ("postgresql://user:a@b@h/d", ["a@b"]),
    ],
)
def test_every_form_of_the_password_is_hidden(given: str, secrets: list[str]) -> None:
    found = run_log_address(given)
    for secret in secrets:
        assert found.hidden(f"<{secret}> and {secret}") == "<***> and ***"
        assert secret not in found.shown
        assert secret not in repr(found)


def test_a_longer_password_is_hidden_before_its_part() -> None:
    found = run_log_address("postgresql://u:ab@h/d?password=abcd")
    assert found.hidden("abcd ab") == "*** ***"


@pytest.mark.parametrize(
    "given", ["postgresql://h/d", "postgresql://user@h/d", "postgresql://u:@h/d"]
)
def test_without_a_password_nothing_is_hidden(given: str) -> None:
    assert run_log_address(given).hidden("user text") == "user text"


@pytest.mark.parametrize(
    "given",
    ["", "mysql://h/d", "postgresql://h", "postgresql://h/", "postgresql://h//", "h/d",
     "postgresql://[h/d"],
)  # fmt: skip
def test_another_text_is_no_address(given: str) -> None:
    with pytest.raises(HistoryError) as caught:
        run_log_address(given)
    assert caught.value.code == "NX530"
    assert caught.value.message == (
        "The address of a run log must be postgresql://[user@]host[:port]/database with"
        " ?schema=PROJECT if several projects share the database"
    )


@pytest.mark.parametrize("schema", ["", "1a", "A", "a-b", 'a"b', "a" * 51, "_a", "a b"])
def test_a_schema_is_a_plain_name(schema: str) -> None:
    with pytest.raises(HistoryError, match="NX531") as caught:
        run_log_address(f"postgresql://h/d?schema={schema}")
    assert caught.value.message.startswith("The schema of a run log must be a lower-case letter, ")
    assert caught.value.message.endswith(f"at most 50 characters, got {schema!r}")


def test_a_schema_has_50_characters_at_most() -> None:
    assert run_log_address(f"postgresql://h/d?schema={'a' * 50}").schema == "a" * 50
