"""Write and read the lines about a session's forecasts.

    {"kind": "prediction", "model": version, "features": {name: [number of tests]}}
    {"kind": "forecasts", "file": path, "tests": [rest of key], "p": [...], "s": [...],
     "failed": {place: [runs, rate]}, "left": [place]}

The lines of forecasts are in the order of the collection. They name tests by their keys in the
history; the part of the key up to the name of the file stands only once in each line.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from json import dumps
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.validation import array, integer, number, text, texts
from pytest_nexus.journal.encoding import MAX_DURATION_S, clean
from pytest_nexus.journal.fields import Field, Kind
from pytest_nexus.plan.foreseen import WAYS, Foreseen, NodeUse, Origin, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_MODEL_CHARS: Final = 64
MAX_REGION_CHARS: Final = 100
MAX_FEATURES: Final = 64
MAX_BINS: Final = 64
MAX_FORECASTS: Final = 1_000_000
"""Forecasts of one session that are read."""

_TESTS_PER_LINE: Final = 200
_ROOM_CHARS: Final = 8_000
"""Characters of keys in a line; a single key may be longer. With escapes they fit into a line."""

_MOST_RUNS: Final = 10**9
_place: Final = partial(integer, most=_TESTS_PER_LINE - 1)


def _features(value: Any) -> dict[str, tuple[int, ...]]:
    if len(value) > MAX_FEATURES:
        raise ValueError(f"more than {MAX_FEATURES} features")
    return {
        text(name, MAX_MODEL_CHARS): tuple(integer(n, most=10**9) for n in array(bins, MAX_BINS))
        for name, bins in value.items()
    }


def _numbers(value: object, most: float) -> list[float]:
    return [number(each, most) for each in array(value, _TESTS_PER_LINE)]


def _failed(value: Any) -> dict[int, tuple[int, float]]:
    if len(value) > _TESTS_PER_LINE:
        raise ValueError("more failures than tests in a line")
    return {
        _place(int(text(place, 3))): (integer(since, most=_MOST_RUNS), number(rate, 1.0))
        for place, (since, rate) in value.items()
    }


def _left(value: object) -> frozenset[int]:
    return frozenset(_place(each) for each in array(value, _TESTS_PER_LINE))


def _node(value: Any) -> NodeUse:
    got = value["got"]
    if got not in WAYS:
        raise ValueError(f"{got!r:.50} is no way to get a model")
    origin = Origin(text(value["region"], MAX_REGION_CHARS), text(value["node"], 16), got)
    return NodeUse(origin, number(value["ms"], 1e9), integer(value["tests"], most=10**9))


PREDICTION: Final = Kind(
    "prediction",
    "Before the first test: what predicted the failures. Absent without an order by risk.",
    (
        Field(
            "model",
            "text",
            "Version of the model; `shipped`, or `other` for the forecaster of a user",
            partial(text, limit=MAX_MODEL_CHARS),
        ),
        Field(
            "features",
            "object",
            "By feature: how many tests of the suite have no value, then how many are in each bin;"
            " of at most 2,000 tests",
            _features,
        ),
        Field(
            "deployed",
            "object",
            "If `nexus_model` names a place: its `region`; `node`, a digest over the name of the"
            " runner; `got`, which is `fresh`, `cached` or `last good`; `ms` of processor time for"
            " the scores of `tests`",
            _node,
            is_optional=True,
        ),
    ),
)

FORECASTS: Final = Kind(
    "forecasts",
    "After `prediction`: the forecasts of at most 200 tests of one file, in collection order.",
    (
        Field(
            "file",
            "text",
            "The keys of the tests up to the name of their file",
            partial(text, limit=MAX_KEY_CHARS),
        ),
        Field(
            "tests",
            "list of text",
            "The rest of each key",
            partial(texts, most=_TESTS_PER_LINE, limit=MAX_KEY_CHARS),
        ),
        Field("p", "list of numbers", "Probability of a failure", partial(_numbers, most=1.0)),
        Field("s", "list of numbers", "Expected seconds", partial(_numbers, most=MAX_DURATION_S)),
        Field(
            "failed",
            "object",
            "By place in the line, of tests that failed before: runs since the last failure, and"
            " failure rate with weight halved every two runs",
            _failed,
            is_optional=True,
        ),
        Field(
            "left", "list of integers", "Places of tests that are left out", _left, is_optional=True
        ),
    ),
)

KINDS_OF_FORECASTS: Final = (PREDICTION, FORECASTS)


def forecast_lines(prediction: Prediction) -> Iterator[str]:
    """Yield the lines of a prediction, each with its line end."""
    head = {"kind": "prediction", "model": prediction.model, "features": prediction.features}
    node = {} if prediction.node is None else {"deployed": _fields_of(prediction.node)}
    yield _line({**head, "features": dict(prediction.features), **node})
    for file, members in groupby(prediction.tests, key=_file_of):
        for portion in _portions(list(members), len(file)):
            yield _line(_fields(file, portion))


def _fields_of(node: NodeUse) -> dict[str, object]:
    fields = node.origin._replace(region=clean(node.origin.region)[:MAX_REGION_CHARS])._asdict()
    return fields | {"ms": round(node.scoring_ms, 4), "tests": node.n_tests}


def _file_of(test: Foreseen) -> str:
    return test.key.partition("::")[0]


def _portions(tests: Sequence[Foreseen], n_shared: int) -> Iterator[list[Foreseen]]:
    portion: list[Foreseen] = []
    n_chars = 0
    for test in tests:
        n_own = len(test.key) - n_shared
        if portion and (len(portion) == _TESTS_PER_LINE or n_chars + n_own > _ROOM_CHARS):
            yield portion
            portion, n_chars = [], 0
        portion.append(test)
        n_chars += n_own
    if portion:
        yield portion


def _fields(file: str, tests: Sequence[Foreseen]) -> dict[str, object]:
    found: dict[str, object] = {
        "kind": "forecasts",
        "file": clean(file),
        "tests": [clean(test.key[len(file) :]) for test in tests],
        "p": [float(f"{test.p_fail:.4g}") for test in tests],
        "s": [float(f"{test.duration_s:.4g}") for test in tests],
    }
    failed = {
        str(at): [test.since_failure, float(f"{test.rate:.4g}")]
        for at, test in enumerate(tests)
        if test.since_failure is not None
    }
    left = [at for at, test in enumerate(tests) if test.is_left]
    return found | ({"failed": failed} if failed else {}) | ({"left": left} if left else {})


def _line(fields: dict[str, object]) -> str:
    return dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


class ForecastReader:
    """Takes the lines about forecasts of one journal."""

    def __init__(self) -> None:
        self._model: str | None = None
        self._features: dict[str, tuple[int, ...]] = {}
        self._tests: dict[str, Foreseen] = {}
        self._node: NodeUse | None = None

    def take(self, record: dict[str, Any]) -> None:
        """Add a line.

        Raises:
            Exception: one of `WRONG`: a value is invalid.
        """
        if record["kind"] == PREDICTION.name:
            found = PREDICTION.read(record)
            self._model, self._features = found["model"], found["features"]
            self._node = found.get("deployed")
            return
        found = FORECASTS.read(record)
        tests, p, s = found["tests"], found["p"], found["s"]
        if not len(tests) == len(p) == len(s):
            raise ValueError("lists of different lengths")
        if len(self._tests) + len(tests) > MAX_FORECASTS:
            raise ValueError("more forecasts than a session can have")
        failed, left = found.get("failed", {}), found.get("left", ())
        for at, rest in enumerate(tests):
            key = found["file"] + rest
            since, rate = failed.get(at, (None, 0.0))
            self._tests[key] = Foreseen(key, p[at], s[at], since, rate, at in left)

    def prediction(self) -> Prediction | None:
        """Return what the session foresaw; None without a line about the model or about tests."""
        if self._model is None or not self._tests:
            return None
        tests = list(self._tests.values())
        return Prediction(self._model, tests, self._features, self._node)
