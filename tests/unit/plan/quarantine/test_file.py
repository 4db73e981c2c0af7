from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.errors import QuarantineError
from pytest_nexus.plan.quarantine.file import (
    MAX_ENTRIES,
    Quarantine,
    QuarantineEntry,
    format_quarantine,
    is_line,
    parse_quarantine,
)

DAY = date(2026, 3, 1)
WHOLE = """
[[quarantine]]
id = "tests/test_net.py::test_fetch[tls]"
reason = "the stub server drops connections"
owner = "@net-team"
since = 2026-03-01
until = 2026-04-01
issue = "https://example.org/42"
"""
LEAST = '[[quarantine]]\nid = "a"\nreason = "r"\nowner = "o"\nsince = 2026-03-01\n'

_lines = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(is_line)
_days = st.dates()


@st.composite
def entries(draw: st.DrawFn) -> QuarantineEntry:
    since = draw(_days)
    until = draw(st.none() | st.dates(min_value=since))
    issue = draw(st.just("") | _lines)
    return QuarantineEntry(draw(_lines), draw(_lines), draw(_lines), since, until, issue)


def entry(nodeid: str, **fields: object) -> QuarantineEntry:
    return QuarantineEntry(nodeid, "r", "o", DAY, **fields)  # type: ignore[arg-type] # by name


@given(st.lists(entries(), max_size=6, unique_by=lambda one: key_of_nodeid(one.id)))
def test_what_is_formatted_is_parsed_as_it_was(given_entries):
    assert parse_quarantine(format_quarantine(given_entries)).entries == tuple(given_entries)


def test_every_field_is_read():
    assert parse_quarantine(WHOLE).entries == (
        QuarantineEntry(
            id="tests/test_net.py::test_fetch[tls]",
            reason="the stub server drops connections",
            owner="@net-team",
            since=DAY,
            until=date(2026, 4, 1),
            issue="https://example.org/42",
        ),
    )


def test_until_and_issue_may_be_left_out():
    assert parse_quarantine(LEAST).entries == (entry("a"),)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "quarantine = []\n"])
def test_an_empty_file_quarantines_nothing(text):
    quarantine = parse_quarantine(text)
    assert len(quarantine) == 0
    assert quarantine.find("a", "a", "a") is None


def test_the_own_entry_of_a_test_comes_before_that_of_its_function():
    own, function = entry("t.py::test_x[1]"), entry("t.py::test_x")
    quarantine = Quarantine([function, own])
    assert quarantine.find("t.py::test_x[1]", "t.py::test_x[1]", "t.py::test_x") is own
    assert quarantine.find("t.py::test_x[2]", "t.py::test_x[2]", "t.py::test_x") is function
    assert quarantine.find("t.py::test_y", "t.py::test_y", "t.py::test_y") is None


def test_an_entry_for_one_parameter_says_nothing_of_the_others():
    quarantine = Quarantine([entry("t.py::test_x[1]")])
    assert quarantine.find("t.py::test_x[2]", "t.py::test_x[2]", "t.py::test_x") is None


def test_an_id_with_an_address_is_found_in_another_process():
    quarantine = Quarantine([entry("t.py::test_x[<o at 0x7f0012>]")])
    nodeid = "t.py::test_x[<o at 0x7faabb>]"
    assert quarantine.find(nodeid, key_of_nodeid(nodeid), "t.py::test_x") is not None


def test_an_expired_entry_still_quarantines():
    old = entry("a", until=DAY)
    quarantine = Quarantine([old, entry("b")])
    assert quarantine.expired(DAY) == ()
    assert quarantine.expired(DAY + timedelta(days=1)) == (old,)
    assert quarantine.find("a", "a", "a") is old


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LEAST + "unitl = 2026-03-01\n", r"entry 1 \('a'\): unitl is unknown; .*until"),
        (LEAST.replace('"a"', "7"), r"entry 1 \(7\): id must be one line of text .*, got 7"),
        (LEAST.replace('"r"', '" "'), "reason must be one line of text .*, got ' '"),
        (LEAST.replace('"r"', r'"r\nr"'), "reason must be one line of text"),
        (LEAST.replace('"r"', '"' + "r" * 513 + '"'), "reason must be .* 1 to 512 characters"),
        (LEAST.replace('owner = "o"\n', ""), "owner must be one line of text .*, got nothing"),
        (LEAST.replace('id = "a"\n', ""), "entry 1: id must be one line of text"),
        (LEAST.replace("2026-03-01", '"2026-03-01"'), "since must be a date .* without quotes"),
        (LEAST.replace("2026-03-01", "2026-03-01T10:00:00"), "since must be a date"),
        (LEAST + "until = true\n", "until must be a date .*, got True"),
        (LEAST + "until = 2026-02-28\n", "since, got 2026-02-28 .NX359."),
        (LEAST + "issue = 42\n", "issue must be one line of text .*, got 42"),
        (LEAST + LEAST, r"entry 2: .*'a'.* entry 1 .*NX360"),
        ("[quarantine]\nid = 'a'\n", "NX353"),
        ("quarantine = [1]\n", "NX353"),
        ("[[quarantined]]\nid = 'a'\n", r"holds only \[\[quarantine\]\] tables, got 'quarantined'"),
        ("id = \n", "NX351"),
        ("a = " + "[" * 100_000, "NX351"),
        (" " * (4 * 1024 * 1024 + 1), "at most 4,194,304 characters"),
    ],
)
def test_a_wrong_file_is_refused_with_what_and_where(text, named):
    with pytest.raises(QuarantineError, match=named):
        parse_quarantine(text)


def test_too_many_entries_are_refused():
    text = format_quarantine(entry(f"t.py::test_{n}") for n in range(MAX_ENTRIES + 1))
    with pytest.raises(QuarantineError, match="at most 1,000 entries, got 1,001"):
        parse_quarantine(text)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_in_words(text):
    with suppress(QuarantineError):
        parse_quarantine(text)


_any_value = st.one_of(
    st.integers(), st.booleans(), st.floats(), st.none(), st.just(datetime.combine(DAY, time()))
)


@given(_any_value)
def test_what_is_not_text_is_no_line(value):
    assert not is_line(value)
