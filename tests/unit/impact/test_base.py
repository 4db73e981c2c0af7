from __future__ import annotations

import pytest

from pytest_nexus.impact.base import (
    OTHER_PARENT,
    PARENT,
    Base,
    Candidate,
    Head,
    absence,
    candidates,
    decide,
    first_present,
    is_askable,
)
from pytest_nexus.impact.git_output import Relation
from tests.support.messages import assert_message

CLEAN = Head("head", is_final=True, parent="parent")
DIRTY = Head("head", is_final=False, parent="parent")
OPTION = Candidate("v1", "option")
CI = Candidate("ci", "ci")
DEFAULT = Candidate("main", "default")


def relation(merge_base: str | None = None, *, shallow: bool = False) -> Relation:
    return Relation("", shallow, merge_base)


def test_candidates_are_the_option_then_the_ci_then_the_default() -> None:
    kinds = [option.named_by for option in candidates("v1", {"GITHUB_BASE_REF": "dev"})]
    assert kinds == sorted(kinds, key=["option", "ci", "default"].index)


@pytest.mark.parametrize("revision", ["a\nb", "a\0b", "x" * 1001])
def test_revision_that_git_cannot_be_asked_for_is_no_candidate(revision: str) -> None:
    assert not is_askable(revision)
    assert revision not in {option.revision for option in candidates(revision, {})}


def test_first_present_skips_what_the_clone_lacks() -> None:
    assert first_present((OPTION, CI, DEFAULT), {"ci": "1", "main": "2"}) == CI


def test_first_parent_is_the_base_of_a_pull_request_only_at_a_merge() -> None:
    merged = Candidate(PARENT, "ci")
    assert first_present((merged, DEFAULT), {PARENT: "1", "main": "2"}) == DEFAULT
    assert first_present((merged, DEFAULT), {PARENT: "1", OTHER_PARENT: "3"}) == merged


def test_parent_that_was_asked_for_is_taken_without_a_merge() -> None:
    asked = Candidate(PARENT, "option")
    assert first_present((asked,), {PARENT: "1"}) == asked


@pytest.mark.parametrize("chosen", [OPTION, CI, DEFAULT])
def test_base_is_the_merge_base(chosen: Candidate) -> None:
    assert decide(chosen, "tip", CLEAN, relation("fork")) == Base("fork")


@pytest.mark.parametrize("chosen", [OPTION, CI])
def test_named_base_is_taken_even_where_it_is_head(chosen: Candidate) -> None:
    assert decide(chosen, "head", CLEAN, relation("head")) == Base("head")


def test_on_a_clean_default_branch_the_last_commit_is_the_change() -> None:
    assert decide(DEFAULT, "head", CLEAN, relation("head")) == Base("parent")


def test_on_a_dirty_default_branch_what_is_uncommitted_is_the_change() -> None:
    assert decide(DEFAULT, "head", DIRTY, relation("head")) == Base("head")


def test_without_any_candidate_the_last_commit_is_the_change() -> None:
    assert decide(None, None, CLEAN, relation()) == Base("parent")


def test_first_commit_has_no_base_and_says_so() -> None:
    base = decide(None, None, Head("head", is_final=True, parent=None), relation())
    assert base.commit is None
    assert_message(base.note, "NX411")


def test_end_of_a_shallow_clone_has_no_base_and_says_what_to_do() -> None:
    base = decide(None, None, Head("head", is_final=True, parent=None), relation(shallow=True))
    assert base.commit is None
    assert "shallow clone" in base.note
    assert "fetch-depth: 0" in base.note


def test_base_without_a_common_commit_is_compared_directly() -> None:
    base = decide(OPTION, "tip", CLEAN, relation())
    assert base.commit == "tip"
    assert_message(base.note, "NX413", "v1")


def test_base_beyond_a_shallow_clone_is_compared_directly_and_says_what_to_do() -> None:
    base = decide(CI, "tip", CLEAN, relation(shallow=True))
    assert base.commit == "tip"
    assert base.note.startswith("shallow clone: ")
    assert "fetch-depth: 0" in base.note


def test_absence_of_what_was_asked_for_is_told() -> None:
    note = absence("v9", (OPTION, DEFAULT), DEFAULT, relation())
    assert_message(note, "NX414", "nexus_base", "'v9'")


def test_absence_of_a_long_name_is_told_shortly() -> None:
    assert len(absence("x" * 900, (), None, relation(shallow=True))) < 250


def test_absence_of_the_cis_base_is_told_in_a_shallow_clone_only() -> None:
    assert_message(absence(None, (CI, DEFAULT), DEFAULT, relation(shallow=True)), "NX415")
    assert absence(None, (CI, DEFAULT), DEFAULT, relation()) == ""


def test_nothing_is_absent_when_the_best_was_found() -> None:
    assert absence("v1", (OPTION, CI), OPTION, relation(shallow=True)) == ""
    assert absence(None, (CI,), CI, relation(shallow=True)) == ""
