"""Rules of the house that `lint-imports` cannot see: it knows neither `predictor` nor the code."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.source_trees import trees

if TYPE_CHECKING:
    from collections.abc import Iterator

PREDICTOR_CLIENTS: Final = {"forecast", "training", "backtest", "deployment", "api"}
"""Rooms that may import the predictor."""
OF_METRICS: Final = "history.measure -> predictor.evaluation.metrics"
"""The history measures each run with the formulas that judge models."""
AT_THE_ROOT: Final = {
    "__init__", "__main__", "api", "errors", "hookspecs", "options", "plugin", "project",
    "option_rows",
    "queue_options",
}  # fmt: skip
MOST_MODULES: Final = 12
_SQL: Final = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET"
    r"|CREATE\s+(TABLE|INDEX|TEMP)|PRAGMA|ATTACH|VACUUM|BEGIN\s+IMMEDIATE)\b",
    re.DOTALL,
)


@cache
def modules() -> dict[str, ast.Module]:
    """Return the tree of each module by dotted name, `predictor.…` or relative to the package."""
    return {
        path.removesuffix(".py").replace("/", ".").removeprefix("pytest_nexus."): tree
        for path, tree in trees().items()
    }


def imports_of(module: str) -> Iterator[str]:
    """Yield the modules of this project that a module imports, those for types included."""
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            if base is not None:
                yield from (_known(f"{base}.{alias.name}") or _known(base) or base
                            for alias in node.names)  # fmt: skip
        elif isinstance(node, ast.Constant) and _names_predictor(node.value):
            yield str(node.value).removeprefix("pytest_nexus.")


def _names_predictor(value: object) -> bool:
    """Whether a string may be for `import_module`."""
    return isinstance(value, str) and bool(re.fullmatch(r"pytest_nexus\.predictor(\.\w+)*", value))


def _base(module: str, node: ast.ImportFrom) -> str | None:
    if node.level:
        parts = module.split(".")[: -node.level]
        return ".".join([*parts, *(node.module.split(".") if node.module else [])])
    if node.module and re.match(r"(pytest_nexus|predictor)\b", node.module):
        return node.module.removeprefix("pytest_nexus").removeprefix(".")
    return None


def _known(name: str) -> str | None:
    name = name.removeprefix(".")
    return name if name in modules() else None


def room(module: str) -> str:
    return module.partition(".")[0]


def test_few_rooms_know_the_predictor() -> None:
    strangers = {
        f"{module} -> {one}"
        for module in modules()
        if room(module) not in {*PREDICTOR_CLIENTS, "predictor"}
        for one in imports_of(module)
        if room(one) == "predictor"
    }
    assert strangers == {OF_METRICS}


def test_the_predictor_knows_nothing_of_the_package() -> None:
    for module in modules():
        if room(module) == "predictor":
            assert {room(one) for one in imports_of(module)} <= {"predictor"}, module


def test_no_module_imports_itself_through_others() -> None:
    edges = {module: set(imports_of(module)) & modules().keys() for module in modules()}
    # What imports nothing is taken away, again and again: a circle is left.
    while done := {module for module, needs in edges.items() if not needs}:
        edges = {module: needs - done for module, needs in edges.items() if module not in done}
    while done := edges.keys() - {one for needs in edges.values() for one in needs}:
        edges = {module: needs for module, needs in edges.items() if module not in done}
    assert edges == {}


def strings(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of a module, docstrings left out."""
    docs = {
        id(node.value) for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_sql_stays_in_the_history() -> None:
    inner = (
        "sqlite", "queries", "figures", "state", "exchange", "uses", "analytics", "postgres",
        "shared_queue", "autopilot",
    )  # fmt: skip
    rooms = tuple(f"history.{room}." for room in inner)
    found = {m for m, tree in modules().items() if any(map(_SQL.search, strings(tree)))}
    assert {module for module in found if not module.startswith(rooms)} == set()


def attributes(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_one_module_reads_the_environment_of_the_process() -> None:
    found = {
        m for m, tree in modules().items() if {"os.environ", "os.getenv"} & {*attributes(tree)}
    }
    found |= {m for m in modules() if "environ" in names_from(m, "os")}
    of_others = {
        "record.dependencies.watching.environ_reads",
        "record.startup.sitecustomize",
        "record.startup.process_recorder",
    }
    assert found == {"domain.system.originals", *of_others}


def names_from(module: str, source: str) -> set[str]:
    return {
        alias.name
        for node in ast.walk(modules()[module])
        if isinstance(node, ast.ImportFrom) and node.module == source
        for alias in node.names
    }


def test_one_room_knows_the_inside_of_pytest_and_xdist() -> None:
    found = {
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names] if isinstance(node, ast.Import) else []
        )
        if room(name) in {"_pytest", "xdist", "execnet"}
    }  # fmt: skip
    assert {module for module in found if room(module) != "compat"} == set()


STATE_MACHINES: Final = {
    "plan.dispatch": {"best", "lane", "piece", "server", "self", "actor"},
    "run.reruns.gate": {"attempt"},
    "run.reruns.decisions": {"attempt"},
    "run.xdist.guarded_scheduling": {"SafeScheduling"},
    "run.fresh_process.order_dependents": {"attempt"},
}
"""Modules of one state machine, and the names of the objects in it that they may change."""

FOREIGN: Final = {
    "session", "report", "rep", "item", "config", "node", "worker", "dsession",  # of pytest, xdist
    "parser", "action", "error", "sys", "SubElement", "self._parser",  # argparse, exceptions, XML
    "session_options",  # of onnxruntime
}  # fmt: skip
"""Names of objects that belong to others, who want to be changed in this way."""


def test_objects_set_their_own_attributes_alone() -> None:
    found = Counter()
    for module, tree in modules().items():
        for node in ast.walk(tree):
            targets = (
                node.targets if isinstance(node, ast.Assign)
                else [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
            )  # fmt: skip
            for target in targets:
                if isinstance(target, ast.Attribute) and not _may_set(module, target):
                    found[f"{module}: {ast.unparse(target)}"] += 1
    assert sorted(found) == []


def _may_set(module: str, target: ast.Attribute) -> bool:
    owner = ast.unparse(target.value)
    if owner in {"self", "cls"} or room(module) == "compat":
        return True
    first = owner if owner in FOREIGN else owner.partition(".")[0].partition("(")[0]
    machine = [names for name, names in STATE_MACHINES.items() if module.startswith(name)]
    return first in FOREIGN or any(first in names for names in machine)


def test_folders_are_small_and_names_are_used_once() -> None:
    sizes = Counter(module.rpartition(".")[0] for module in modules() if "__init__" not in module)
    assert {folder for folder, n in sizes.items() if n > MOST_MODULES} <= {"cli"}
    at_root = {module for module in modules() if "." not in module}
    assert at_root <= AT_THE_ROOT
    own = [m for m in modules() if "__init__" not in m and room(m) != "predictor"]
    names = Counter(m.rpartition(".")[2] for m in own)
    commands = {m.rpartition(".")[2] for m in modules() if m.startswith("cli.")}
    assert {name: n for name, n in names.items() if n > 1 and name not in commands} == {}


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "common", "core", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert [module for module in modules() if module.rpartition(".")[2] == name] == []
