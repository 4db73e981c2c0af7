from __future__ import annotations

import os.path
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import ChangedFile
from pytest_nexus.impact.git_output import (
    from_folder,
    printable,
    read_commits,
    read_diff,
    read_relation,
    read_status,
)

A = "a" * 40
B = "b" * 40


def nul(*fields: str) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


def raw(letter: str, old: str = "100644", new: str = "100644") -> str:
    return f":{old} {new} {A} {B} {letter}"


def test_status_names_commit_and_branch() -> None:
    status = read_status(nul(f"# branch.oid {A}", "# branch.head work/x"))
    assert (status.commit, status.branch) == (A, "work/x")


def test_status_of_an_unborn_branch_has_no_commit() -> None:
    status = read_status(nul("# branch.oid (initial)", "# branch.head main"))
    assert (status.commit, status.branch) == (None, "main")


def test_status_of_a_detached_head_has_no_branch() -> None:
    assert read_status(nul(f"# branch.oid {A}", "# branch.head (detached)")).branch is None


def test_status_keeps_spaces_and_line_breaks_of_paths() -> None:
    status = read_status(nul(f"1 .M N... 100644 100644 100644 {A} {A} a b\nc.py", "? d e.py"))
    assert (status.tracked, status.untracked) == (("a b\nc.py",), ("d e.py",))


def test_status_does_not_take_the_old_name_of_a_rename_for_an_entry() -> None:
    renamed = f"2 R. N... 100644 100644 100644 {A} {A} R100 new.py"
    status = read_status(nul(renamed, "? old.py", "? other.py"))
    assert (status.tracked, status.untracked) == (("new.py",), ("other.py",))


def test_status_reads_a_conflict() -> None:
    conflict = f"u UU N... 100644 100644 100644 100644 {A} {A} {A} torn.py"
    assert read_status(nul(conflict)).tracked == ("torn.py",)


def test_status_ignores_what_a_later_git_adds() -> None:
    assert read_status(nul("# stash 3", "! ignored.py")).tracked == ()


def test_diff_joins_status_and_counts() -> None:
    files = read_diff(nul(raw("M"), "a.py", raw("A"), "b.py", "3\t1\ta.py", "7\t0\tb.py"))
    assert files == (ChangedFile("a.py", "M", 3, 1), ChangedFile("b.py", "A", 7, 0))


def test_diff_gives_a_rename_its_old_path_and_counts() -> None:
    files = read_diff(nul(raw("R090"), "old.py", "new.py", "2\t1\t", "old.py", "new.py"))
    assert files == (ChangedFile("new.py", "R", 2, 1, "old.py"),)


def test_diff_counts_no_lines_of_a_binary_file() -> None:
    assert read_diff(nul(raw("M"), "x.png", "-\t-\tx.png")) == (ChangedFile("x.png", "M"),)


def test_diff_leaves_out_a_file_that_was_only_touched() -> None:
    files = read_diff(nul(raw("M"), "touched.py", raw("M"), "real.py", "1\t0\treal.py"))
    assert [file.path for file in files] == ["real.py"]


def test_diff_keeps_a_file_of_which_only_the_mode_changed() -> None:
    files = read_diff(nul(raw("M", new="100755"), "run.sh", raw("A"), "b", "1\t0\tb"))
    assert [file.path for file in files] == ["run.sh", "b"]


def test_diff_without_counts_keeps_every_file() -> None:
    assert read_diff(nul(raw("M"), "a.py")) == (ChangedFile("a.py", "M"),)


@pytest.mark.parametrize("letter", ["U", "T", "X"])
def test_diff_calls_what_is_neither_new_nor_gone_modified(letter: str) -> None:
    assert read_diff(nul(raw(letter), "a.py"))[0].status == "M"


def test_diff_names_a_conflicting_file_once() -> None:
    assert len(read_diff(nul(raw("U"), "a.py", raw("M"), "a.py", "1\t1\ta.py"))) == 1


def test_diff_keeps_tabs_in_names() -> None:
    assert read_diff(nul(raw("A"), "a\tb", "1\t0\ta\tb"))[0] == ChangedFile("a\tb", "A", 1)


def test_diff_that_was_cut_off_gives_what_is_whole() -> None:
    assert read_diff(nul(raw("A"), "a.py", raw("M"))) == (ChangedFile("a.py", "A"),)


def test_commits_are_found_by_position() -> None:
    output = f"{A} commit\nmain^{{commit}} missing\n{'b' * 64} commit\nabc ambiguous\n".encode()
    assert read_commits(output) == [A, None, "b" * 64, None]


def test_relation_has_shallow_merge_base_and_prefix() -> None:
    relation = read_relation(f"false\n{A}\n{B}\n^{A}\nsub/dir/\n".encode())
    assert (relation.is_shallow, relation.merge_base, relation.prefix) == (False, A, "sub/dir/")


def test_relation_without_a_common_commit_has_no_merge_base() -> None:
    relation = read_relation(f"true\n{A}\n{B}\n\n".encode())
    assert (relation.is_shallow, relation.merge_base, relation.prefix) == (True, None, "")


def test_relation_takes_the_first_of_several_merge_bases() -> None:
    assert read_relation(f"false\n{A}\n{B}\n^{B}\n^{A}\n\n".encode()).merge_base == B


def test_relation_keeps_a_line_break_in_a_folders_name() -> None:
    assert read_relation(b"false\na\nb/\n").prefix == "a\nb/"


@pytest.mark.parametrize(
    ("path", "prefix", "seen"),
    [
        ("a.py", "", "a.py"),
        ("app/a.py", "app/", "a.py"),
        ("application/a.py", "app/", "../application/a.py"),
        ("a.py", "x/y/", "../../a.py"),
        ("x/z/a.py", "x/y/", "../z/a.py"),
        ("x", "x/y/", "../../x"),
    ],
)
def test_path_is_seen_from_the_folder(path: str, prefix: str, seen: str) -> None:
    assert from_folder(path, prefix) == seen


NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4)


@given(path=NAMES, folders=NAMES)
def test_path_seen_from_a_folder_leads_back_to_the_path(
    path: list[str], folders: list[str]
) -> None:
    seen = from_folder("/".join(path), "/".join(folders) + "/")
    assert posixpath.normpath(posixpath.join(*folders, seen)) == "/".join(path)


@given(st.binary(max_size=20))
def test_every_path_becomes_printable_text(name: bytes) -> None:
    assert printable(os.fsdecode(name) if os.name == "posix" else "x").encode("utf-8") is not None


@given(st.binary(max_size=200))
def test_no_output_breaks_the_reading_but_with_a_value_or_index_error(junk: bytes) -> None:
    for read in (read_status, read_diff, read_commits, read_relation):
        try:
            read(junk)
        except (ValueError, IndexError):
            assert read is read_diff
