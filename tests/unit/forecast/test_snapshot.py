"""What earlier steps found, as the predictor takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.evidence import ChangedAndFailed, TestText
from pytest_nexus.domain.records import TestKey
from pytest_nexus.forecast import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

X = TestKey("tests/test_a.py::test_x")


def test_words_of_a_test_are_counted_once_and_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Mapping[str, int]] = []
    bag = snapshot.bag
    monkeypatch.setattr(snapshot, "bag", lambda names: asked.append(names) or bag(names))
    text = TestText(("a:b",), {"test_x": {"loadItems": 2}, "test_y": {"far": 1}}, {"a.py": 1})
    code = snapshot.code_of({"tests/test_a.py": text})["tests/test_a.py"]
    assert (code.imports, code.distances, asked) == (text.imports, text.distances, [])
    assert code.names.get("test_z") is None
    for _ in range(2):
        assert code.names.get("test_x") == {"load": 2, "item": 2, "loadItems": 2}
    assert asked == [{"loadItems": 2}]


def test_a_word_that_a_name_repeats_is_one_word_of_its_function() -> None:
    found = snapshot.words_of({}, [("tests/test_a.py", "tests/test_a.py::test_load_load_item")])
    assert [sorted(each) for each in found] == [["item", "load"]]


def test_pairs_of_change_and_failure_are_counted() -> None:
    past = [ChangedAndFailed(("a.py",), (X,)), ChangedAndFailed(("a.py", "lib/b.py"), ())]
    by_file, by_folder = snapshot.cofailures_of(past).rates(["a.py"])
    assert (by_file, by_folder) == ({X: 1 / 5}, {X: 1 / 5})
