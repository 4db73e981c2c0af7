"""Read and write models as JSON in one canonical form; validated on load as untrusted input."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final

from ..schema import NAMES, SCHEMA
from .model import FAILURE_BOOST, PASS_DOUBT, Model
from .terms import TERMS
from .tree import Tree
from .tree_size import MOST_TREES

FORMAT: Final = 1
MAX_CHARS: Final = 1_000_000
"""Longer documents are refused; a model takes some kilobytes."""
_MAX_NODES: Final = 255
_MAX_DEPTH: Final = 127
"""Largest possible depth with 255 nodes. Python's parser accepts 200 nested brackets."""

_MAX_WEIGHT: Final = 1000.0
_VERSION_CHARS: Final = 16


class ModelError(ValueError):
    """A document is no usable model for this version; the message gives the reason."""


def dump(model: Model) -> str:
    """Return a model as canonical JSON: equal models give equal texts."""
    body = {
        "format": FORMAT,
        "schema": SCHEMA,
        "weights": dict(sorted(model.weights.items())),
        "trees": [
            {
                "feature": [NAMES[at] if at >= 0 else "" for at in tree.feature],
                "threshold": tree.threshold,
                "left": tree.left,
                "right": tree.right,
                "value": tree.value,
            }
            for tree in model.trees
        ],
        "trees_share": model.trees_share,
        "thrift": model.thrift,
        "floor": model.floor,
        "failure_boost": model.failure_boost,
        "pass_doubt": model.pass_doubt,
        "slope": model.slope,
        "intercept": model.intercept,
        "card": model.card,
    }
    return json.dumps({**body, "digest": _digest(body)}, sort_keys=True, ensure_ascii=True)


def version(document: str) -> str:
    """Return the name of a version: the first 16 hexadecimal digits of its digest."""
    return hashlib.sha256(document.encode()).hexdigest()[:_VERSION_CHARS]


def load_named(name: str, document: str) -> Model:
    """Return the model that is stored under its version name; raises as `load` does."""
    if version(document) != name:
        raise ModelError("is not what was stored under that name: its row was changed")
    return load(document)


def load(document: str) -> Model:
    """Return the model that a document describes.

    Raises:
        ModelError: the document is damaged, has another format, or has other features.
    """
    body = _parsed(document)
    if body.get("format") != FORMAT:
        raise ModelError(f"is of format {body.get('format')!r:.50}, this version reads {FORMAT}")
    if body.get("schema") != SCHEMA:
        raise ModelError(
            f"was trained on features {body.get('schema')!r:.50}, these are {SCHEMA!r}"
        )
    try:
        is_whole = body.pop("digest", None) == _digest(body)
        model = _model(body) if is_whole else None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as exc:
        raise ModelError(f"is not what a model must be: {exc}") from exc
    if model is None:
        raise ModelError("was changed after it was made: its digest does not fit")
    return model


def _parsed(document: str) -> dict[str, Any]:
    if len(document) > MAX_CHARS:
        raise ModelError(f"is longer than {MAX_CHARS:,} characters")
    try:
        body = json.loads(document)
    except (ValueError, RecursionError) as exc:
        raise ModelError(f"is no JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise ModelError("is no JSON object")
    return body


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _model(body: dict[str, Any]) -> Model:
    weights = {str(name): _number(value, 0, _MAX_WEIGHT) for name, value in body["weights"].items()}
    unknown = sorted(weights.keys() - TERMS.keys())
    if unknown:
        raise ValueError(f"there is no term {unknown[0]!r:.50}")
    if len(body["trees"]) > MOST_TREES:
        raise ValueError(f"it has more than {MOST_TREES} trees")
    if not isinstance(body["card"], dict):
        raise TypeError("its card is no object")
    return Model(
        weights=weights,
        trees=tuple(_tree(each) for each in body["trees"]),
        trees_share=_number(body["trees_share"], 0, 1),
        thrift=_number(body["thrift"], 0, 1),
        floor=_number(body["floor"], 0, 1e6),
        # Earlier versions stored no strengths.
        failure_boost=_number(body.get("failure_boost", FAILURE_BOOST), 0, 100),
        pass_doubt=_number(body.get("pass_doubt", PASS_DOUBT), 0, 100),
        slope=_number(body["slope"], 0, 100),
        intercept=_number(body["intercept"], -100, 100),
        card=body["card"],
    )


def _tree(body: dict[str, Any]) -> Tree:
    columns = [NAMES.index(name) if name else -1 for name in body["feature"]]
    n = len(columns)
    if not 1 <= n <= _MAX_NODES:
        raise ValueError(f"a tree has {n} nodes")
    numbers = {
        name: tuple(_number(value, -1e9, 1e9) for value in body[name])
        for name in ("threshold", "value")
    }
    left, right = (tuple(map(_place, body[name])) for name in ("left", "right"))
    if any(len(column) != n for column in (*numbers.values(), left, right)):
        raise ValueError("the arrays of a tree differ in length")
    _require_tree(columns, left, right)
    return Tree(tuple(columns), numbers["threshold"], left, right, numbers["value"])


def _require_tree(columns: list[int], left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Raise an error if nodes do not form a tree.

    A child must come after its parent, so that there are no cycles. Each node except the root must
    have exactly one parent.
    """
    depths = {0: 0}
    for at, column in enumerate(columns):
        if at not in depths:
            raise ValueError(f"node {at} of a tree has no parent")
        for child in (left[at], right[at]) if column >= 0 else ():
            if not at < child < len(columns):
                raise ValueError("a node of a tree has no place for its children")
            if child in depths:
                raise ValueError(f"node {child} of a tree has two parents")
            depths[child] = depths[at] + 1
    if max(depths.values()) > _MAX_DEPTH:
        raise ValueError(f"a tree is deeper than {_MAX_DEPTH} nodes")


def _place(value: Any) -> int:
    if type(value) is not int or not -1 <= value <= _MAX_NODES:
        raise TypeError(f"{value!r:.50} is no place of a node")
    return value


def _number(value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.50} is no number")
    if not least <= value <= most:
        raise ValueError(f"{value!r:.50} is not between {least:g} and {most:g}")
    return float(value)
