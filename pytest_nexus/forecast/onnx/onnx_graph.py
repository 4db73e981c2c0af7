"""Write a model as an ONNX graph: terms, trees, calibration, from the same definition as sessions.

Inputs: one vector of float32 for each feature, by its name, shape (n_tests,). Outputs, of the same
shape: `score`, `gain` and `probability`, as `Model` defines them. The arithmetic inside is float64,
so that only the rounding of the inputs tells the graph from a session. A graph of precision
`double` has inputs and outputs of float64, and rounds nothing.
"""

from __future__ import annotations

import json
from importlib import import_module
from struct import pack, unpack
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_nexus.errors import DeploymentError
from pytest_nexus.forecast.deployed_features import feature_digest
from pytest_nexus.predictor.model.scoring import FLAKE_DISCOUNT, MAX_RATE, RECORD
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.model.terms import Condition, Term, Transform
    from pytest_nexus.predictor.model.tree import Tree

OPSET: Final = 17
ML_OPSET: Final = 3
IR_VERSION: Final = 8
"""Of ONNX 1.12; later runtimes read it."""

_LEAST_P: Final = 1e-9
_FAR: Final = 500.0


def library(name: str) -> Any:
    """Return a module of an optional package.

    Raises:
        DeploymentError: the package is missing.
    """
    try:
        return import_module(name)
    except ImportError as exc:
        raise DeploymentError(
            "NX954", f"{name} is missing; run `pip install 'pytest-nexus-ci[onnx]'`"
        ) from exc


class _Graph:
    """Nodes and constants of a graph under construction; values are named by number."""

    def __init__(self) -> None:
        self._helper = library("onnx.helper")
        self.double: int = library("onnx").TensorProto.DOUBLE
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[tuple[float, ...], str] = {}

    def put(
        self, op: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Add a node; return the name of its output."""
        name = output or f"v{len(self.nodes)}"
        node = self._helper.make_node(op, inputs, [name], domain=domain, **attributes)
        self.nodes.append(node)
        return name

    def constant(self, *values: float) -> str:
        """Return the name of a constant: a number for one value, else a vector."""
        if values not in self._known:
            name = self._known[values] = f"c{len(self._known)}"
            shape = () if len(values) == 1 else (len(values),)
            self.constants.append(self._helper.make_tensor(name, self.double, shape, values))
        return self._known[values]

    def integers(self, *values: int) -> str:
        """Return the name of a vector of integers."""
        name = f"i{len(self.constants)}"
        kind = library("onnx").TensorProto.INT64
        self.constants.append(self._helper.make_tensor(name, kind, (len(values),), values))
        return name

    def log_odds(self, rates: str, base: float) -> str:
        """Return log((base + x / (1 - x)) / base), with x between 0 and the largest rate."""
        capped = self.put("Clip", rates, self.constant(0.0), self.constant(MAX_RATE))
        rest = self.put("Sub", self.constant(1.0), capped)
        odds = self.put("Div", capped, self.put("Mul", rest, self.constant(base)))
        return self.put("Log", self.put("Add", odds, self.constant(1.0)))

    def log1p(self, value: str) -> str:
        """Return log(1 + x)."""
        return self.put("Log", self.put("Add", value, self.constant(1.0)))


def _decay(graph: _Graph, columns: Sequence[str], bound: float) -> str:
    scale = graph.log1p(graph.constant(bound))
    return graph.put("Sub", graph.constant(1.0), graph.put("Div", graph.log1p(columns[0]), scale))


def _indicator(graph: _Graph, columns: Sequence[str], _: float) -> str:
    return graph.put("Add", graph.put("Mul", columns[0], graph.constant(0.0)), graph.constant(1.0))


def _reciprocal(graph: _Graph, columns: Sequence[str], _: float) -> str:
    return graph.put("Reciprocal", graph.put("Add", columns[0], graph.constant(1.0)))


def _newness(graph: _Graph, columns: Sequence[str], top: float) -> str:
    fading = graph.put("Exp", graph.put("Neg", columns[0]))
    return graph.log1p(graph.put("Mul", fading, graph.constant(top)))


def _cube(graph: _Graph, columns: Sequence[str], _: float) -> str:
    return graph.put("Mul", graph.put("Mul", columns[0], columns[0]), columns[0])


def _record(graph: _Graph, columns: Sequence[str], base: float) -> str:
    parts = [
        graph.put("Mul", column, graph.constant(weight))
        for column, weight in zip(columns[:3], RECORD, strict=True)
    ]
    flakes = graph.put("Mul", columns[3], graph.constant(FLAKE_DISCOUNT))
    kept = graph.put("Sub", graph.constant(1.0), flakes)
    return graph.log_odds(graph.put("Mul", graph.put("Sum", *parts), kept), base)


TRANSFORMS: Final[Mapping[Transform, Callable[[_Graph, Sequence[str], float], str]]] = {
    "linear": lambda _, columns, __: columns[0],
    "indicator": _indicator,
    "reciprocal": _reciprocal,
    "decay": _decay,
    "log_odds": lambda graph, columns, base: graph.log_odds(columns[0], base),
    "newness": _newness,
    "cube": _cube,
    "larger": lambda graph, columns, _: graph.put("Max", columns[0], columns[1]),
    "record": _record,
}
"""Nodes of each transform; the formulas are those of `scoring.TRANSFORMS`."""


def _where(graph: _Graph, condition: Condition, values: str, first: str) -> str:
    """Return the values where the first feature meets the condition, else 0."""
    if condition == "always":
        return values
    zero = graph.constant(0.0)
    if condition == "positive":
        return graph.put("Where", graph.put("Greater", first, zero), values, zero)
    above = graph.put("GreaterOrEqual", first, zero)
    below = graph.put("LessOrEqual", first, graph.constant(1.0))
    return graph.put("Where", graph.put("And", above, below), values, zero)


def _weighted(graph: _Graph, term: Term, weight: float, columns: Mapping[str, str]) -> str:
    own = [columns[feature] for feature in term.features]
    values = TRANSFORMS[term.transform](graph, own, term.constant)
    return graph.put("Mul", _where(graph, term.condition, values, own[0]), graph.constant(weight))


def _forest(graph: _Graph, trees: Sequence[Tree], columns: Mapping[str, str]) -> str:
    """Return the sum of the values of all trees, shape (n_tests,).

    The operator returns float32 only. So each tree has two targets, the value of a leaf in float32
    and the rest, and the sum over all targets is exact to float64.
    """
    helper = library("onnx.helper")
    axis = graph.integers(1)
    wide = [graph.put("Unsqueeze", columns[name], axis) for name in NAMES]
    matrix = graph.put("Concat", *wide, axis=1)
    fields: dict[str, list[Any]] = {
        name: []
        for name in ("nodeids", "treeids", "featureids", "modes", "values", "trueids", "falseids")
    }
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(trees):
        for at, column in enumerate(tree.feature):
            is_leaf = column < 0
            row = (at, number, max(column, 0), "LEAF" if is_leaf else "BRANCH_LEQ",
                   0.0 if is_leaf else tree.threshold[at],
                   0 if is_leaf else tree.left[at], 0 if is_leaf else tree.right[at])  # fmt: skip
            for name, value in zip(fields, row, strict=True):
                fields[name].append(value)
            for part, weight in enumerate(_parts(tree.value[at]) if is_leaf else ()):
                leaf = (number, at, 2 * number + part, weight)
                for name, value in zip(leaves, leaf, strict=True):
                    leaves[name].append(value)

    def tensor(name: str, values: list[float]) -> Any:
        return helper.make_tensor(name, graph.double, (len(values),), values)

    grown = graph.put(
        "TreeEnsembleRegressor",
        matrix,
        domain="ai.onnx.ml",
        n_targets=2 * len(trees),
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_nodeids=fields["nodeids"],
        nodes_treeids=fields["treeids"],
        nodes_featureids=fields["featureids"],
        nodes_modes=fields["modes"],
        nodes_values_as_tensor=tensor("nodes_values", fields["values"]),
        nodes_truenodeids=fields["trueids"],
        nodes_falsenodeids=fields["falseids"],
        target_treeids=leaves["treeids"],
        target_nodeids=leaves["nodeids"],
        target_ids=leaves["ids"],
        target_weights_as_tensor=tensor("target_weights", leaves["weights"]),
    )
    return graph.put("ReduceSum", graph.put("Cast", grown, to=graph.double), axis, keepdims=0)


def _parts(value: float) -> tuple[float, float]:
    """Return a value in float32, and the rest.

    >>> sum(_parts(0.1)), _parts(0.5)
    (0.1, (0.5, 0.0))
    """
    (rounded,) = unpack("f", pack("f", value))
    return rounded, value - rounded


Precision = Literal["single", "double"]


def onnx_bytes(model: Model, version: str, precision: Precision = "single") -> bytes:
    """Return a model as an ONNX file, checked by ONNX itself.

    Args:
        model: the model.
        version: its name, kept in the metadata with its card and the names of the features.
        precision: of inputs and outputs.

    Raises:
        DeploymentError: the package onnx is missing.
    """
    onnx, helper = library("onnx"), library("onnx.helper")
    graph = _Graph()
    columns = {name: graph.put("Cast", name, to=graph.double) for name in NAMES}
    share = 1.0 - model.trees_share if model.trees else 1.0
    parts = [
        _weighted(graph, TERMS[name], share * weight, columns)
        for name, weight in model.weights.items()
        if weight
    ]
    if model.trees:
        grown = _forest(graph, model.trees, columns)
        parts.append(graph.put("Mul", grown, graph.constant(model.trees_share)))
    parts = parts or [graph.put("Mul", columns[NAMES[0]], graph.constant(0.0))]
    score = graph.put("Sum", *parts)
    kind = onnx.TensorProto.FLOAT if precision == "single" else graph.double
    _outputs(graph, model, score, kind)
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "pytest-nexus",
            [helper.make_tensor_value_info(name, kind, ["n_tests"]) for name in NAMES],
            [helper.make_tensor_value_info(name, kind, ["n_tests"]) for name in OUTPUTS],
            graph.constants,
        ),
        opset_imports=[
            helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)
        ],
        ir_version=IR_VERSION,
        producer_name="pytest-nexus-ci",
    )  # fmt: skip
    helper.set_model_props(
        made,
        {
            "version": version,
            "card": json.dumps(dict(model.card), sort_keys=True),
            "features": feature_digest(),
            "thrift": repr(model.thrift),
        },
    )
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    return data


OUTPUTS: Final = ("score", "gain", "probability")


def _outputs(graph: _Graph, model: Model, score: str, kind: int) -> None:
    zero = graph.constant(0.0)
    gain = score
    if model.floor:
        top = graph.put("Max", score, zero)
        own = graph.put("Exp", graph.put("Sub", score, top))
        floor = graph.put("Mul", graph.put("Exp", graph.put("Neg", top)),
                          graph.constant(model.floor))  # fmt: skip
        gain = graph.put("Add", top, graph.put("Log", graph.put("Add", own, floor)))
    line = graph.put("Add", graph.put("Mul", score, graph.constant(model.slope)),
                     graph.constant(model.intercept))  # fmt: skip
    line = graph.put("Clip", line, graph.constant(-_FAR), graph.constant(_FAR))
    likely = graph.put("Sigmoid", line)
    bounded = graph.put("Clip", likely, graph.constant(_LEAST_P), graph.constant(1 - _LEAST_P))
    for name, value in zip(OUTPUTS, (score, gain, bounded), strict=True):
        graph.put("Cast", value, output=name, to=kind)
