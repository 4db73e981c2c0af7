"""The expressions of GitHub Actions, as far as workflows here use them; anything else is an error.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|'(?P<text>(?:[^']|'')*)'|(?P<word>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|&&|\|\||<=|>=|[!<>()\[\],.]))"
)
_WHOLE: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_WORDS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to: contexts by name, and the status functions."""

    contexts: Mapping[str, Any]
    success: bool = True
    failure: bool = False
    cancelled: bool = False


def interpolate(value: Any, scope: Scope) -> Any:
    """Replace the expressions in a text; one that is the whole text keeps its type."""
    if isinstance(value, dict):
        return {key: interpolate(each, scope) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, scope) for each in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE.fullmatch(value.strip())
    if whole is not None and "${{" not in whole[1]:
        return evaluate(whole[1], scope)
    return _WHOLE.sub(lambda found: text_of(evaluate(found[1], scope)), value)


def condition(value: Any, scope: Scope) -> bool:
    """Evaluate an `if`; without a status function it holds only while all went well."""
    source = "" if value is None else str(value).strip()
    whole = _WHOLE.fullmatch(source)
    source = whole[1] if whole else source
    if not re.search(r"\b(success|failure|always|cancelled)\s*\(", source):
        source = f"success() && ({source})" if source else "success()"
    return truth(evaluate(source, scope))


def evaluate(source: str, scope: Scope) -> Any:
    """Return the value of an expression."""
    parser = _Parser(_tokens(source), scope)
    value = parser.either()
    assert parser.at == len(parser.tokens), f"cannot parse {source!r}"
    return value


def text_of(value: Any) -> str:
    """A value as it is put into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def truth(value: Any) -> bool:
    return value not in (None, False, 0, "")


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens, at, source = [], 0, source.strip()
    while at < len(source):
        found = _TOKEN.match(source, at)
        assert found, f"cannot read {source[at:]!r}"
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], scope: Scope) -> None:
        self.tokens, self.scope, self.at = tokens, scope, 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *signs: str) -> str:
        is_sign = self.at < len(self.tokens) and self.tokens[self.at][0] == "sign"
        if is_sign and self.peek() in signs:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def expect(self, sign: str) -> None:
        assert self.take(sign), f"{sign} expected at {self.tokens[self.at :]}"

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = other if truth(value) else value
        return value

    def compared(self) -> Any:
        value = self.negated()
        while sign := self.take("==", "!=", "<", ">", "<=", ">="):
            other = self.negated()
            if sign in ("==", "!="):
                value = _same(value, other) == (sign == "==")
            else:
                value = {"<": value < other, ">": value > other}[sign]
        return value

    def negated(self) -> Any:
        return not truth(self.negated()) if self.take("!") else self.reached()

    def reached(self) -> Any:
        value = self.primary()
        while True:
            if self.take("."):
                value = _member(value, self.tokens[self.at][1])
                self.at += 1
            elif self.take("["):
                value = _member(value, self.either())
                self.expect("]")
            else:
                return value

    def primary(self) -> Any:
        if self.take("("):
            value = self.either()
            self.expect(")")
            return value
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(token)
        if kind == "text":
            return token.replace("''", "'")
        assert kind == "word", f"unexpected {token!r}"
        if token in _WORDS:
            return _WORDS[token]
        return self.called(token) if self.take("(") else self.context(token)

    def context(self, name: str) -> Any:
        assert name in self.scope.contexts, f"context {name!r} is not available here"
        return self.scope.contexts[name]

    def called(self, name: str) -> Any:
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        status = {
            "always": True, "success": self.scope.success, "failure": self.scope.failure,
            "cancelled": self.scope.cancelled,
        }  # fmt: skip
        return status[name] if name in status else _FUNCTIONS[name](*arguments)


def _member(value: Any, name: Any) -> Any:
    if isinstance(value, list):
        return value[int(name)] if int(name) < len(value) else None
    return value.get(name) if isinstance(value, dict) else None


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right) or isinstance(left, dict | list):
        return bool(left == right)
    return _number(left) == _number(right)


def _number(value: Any) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_same(one, what) for one in where)
    return text_of(what).lower() in text_of(where).lower()


def _format(pattern: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda found: text_of(values[int(found[1])]), pattern)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "contains": _contains,
    "startsWith": lambda text, start: text_of(text).lower().startswith(text_of(start).lower()),
    "format": _format,
    "fromJSON": json.loads,
    "toJSON": json.dumps,
}
