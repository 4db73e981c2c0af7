from __future__ import annotations

import pytest

from pytest_nexus.domain.records import Change, ChangedFile, Run
from pytest_nexus.plan.delivery.change_history import (
    SHRINKAGE,
    PastChange,
    outlook,
    recorded_changes,
)
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome
from tests.support.builders import run


def past(*bad: int, paths: tuple[str, ...] = ("src/shop/cart.py",)) -> list[PastChange]:
    """40 changes of other files, then changes of some paths, bad where the number is 1."""
    others = [PastChange(f"{at:040x}", ("docs/index.md",), 3) for at in range(40)]
    return others + [
        PastChange(str(at) * 40, paths, 3, "reverted" if each else "")
        for at, each in enumerate(bad)
    ]


def test_without_any_bad_change_nothing_is_said() -> None:
    assert outlook(past(0, 0), ["src/shop/cart.py"], 3) is None
    assert outlook(past(1)[-5:], ["src/shop/cart.py"], 3) is None, "too few changes"
    assert outlook(past(1), [], 3) is None


def test_the_share_of_a_place_is_shrunk_to_the_share_above_it() -> None:
    found = outlook(past(1, 1), ["src/shop/cart.py", "docs/index.md"], 3)
    assert found is not None
    share = 2.5 / 43
    expected = share
    for _ in ("src/", "src/shop/", "src/shop/cart.py"):
        expected = (2 + SHRINKAGE * expected) / (2 + SHRINKAGE)
    size = (2 + SHRINKAGE * share) / (42 + SHRINKAGE)
    odds = expected / (1 - expected) * size / (1 - size) / (share / (1 - share))
    assert found.probability == pytest.approx(odds / (1 + odds))
    assert found.share == pytest.approx(share)
    assert (found.path, found.n_changes, found.n_bad) == ("src/shop/cart.py", 42, 2)


def test_larger_changes_are_riskier_where_large_changes_were_bad() -> None:
    sizes = [PastChange(f"{at:040x}", ("a.py",), 1000 if at % 2 else 1, "reverted" * (at % 4 == 1))
             for at in range(80)]  # fmt: skip
    small, large = outlook(sizes, ["b.py"], 1), outlook(sizes, ["b.py"], 900)
    assert small is not None
    assert large is not None
    assert small.probability < small.share < large.probability


def test_the_newest_changes_of_a_place_are_told() -> None:
    found = outlook(past(0, 1, 1), ["src/shop/price.py"], 3)
    assert found is not None
    (note,) = found.notes
    assert note.startswith("src/shop/: 2 of the last 3 changes of this folder were taken back")
    assert note.endswith(f": {'2' * 12} reverted; {'1' * 12} reverted")
    found = outlook(past(1), ["src/shop/cart.py"], 3)
    assert found is not None
    assert found.notes[0].startswith("src/shop/cart.py: the last change of this file was taken")
    found = outlook(past(1, 1), ["src/shop/cart.py"], 3)
    assert found is not None
    assert "the last 2 changes of this file were taken" in found.notes[0]


def made(uid: int, commit: str | None, branch: str, *paths: str, dirty: bool = False) -> Run:
    files = tuple(ChangedFile(path, "M", 2, 1) for path in paths)
    return run(uid)._replace(change=Change(commit=commit, branch=branch, dirty=dirty, files=files))


def test_the_changes_of_deployed_branches_are_the_past() -> None:
    runs = [
        made(6, "e", "feature", "x.py"), made(5, "d", "main", "d.py"), made(4, "c", "main", "c.py"),
        made(3, "c", "main", "other.py"), made(2, "b", "main", dirty=True),
        made(1, "a", "main"), made(0, None, "main", "n.py"),
    ]  # fmt: skip
    outcomes = [
        DeploymentOutcome("c", "deployed", "eu", 1.0, "recorded"),
        DeploymentOutcome("c", "rolled-back", "eu", 2.0, "recorded"),
        DeploymentOutcome("d", "hotfix", "eu", 3.0, "recorded"),
    ]
    found = recorded_changes(runs, outcomes)
    assert found == [
        PastChange("c", ("c.py",), 3, "rolled-back in eu"),
        PastChange("d", ("d.py",), 3),
    ]
    assert [each.commit for each in recorded_changes(runs, outcomes, own="d")] == ["c"]
    assert recorded_changes(runs, []) == []
