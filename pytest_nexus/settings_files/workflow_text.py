"""Read and change the inputs that a workflow of GitHub gives to the workflow or action of nexus.

Only common forms of YAML are understood: a mapping below `with:`, one value in a line; or
`with: {name: value}` in one line. Any other form is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_USES: Final = re.compile(
    r"(?P<indent> *)(?P<dash>- +)?uses: *[\"']?"
    r"(?P<what>[^\s\"'#]*(?:/nexus\.ya?ml|/pytest-nexus)(?:@[^\s\"'#]+)?)[\"']? *(?:#.*)?"
)
_KEY: Final = re.compile(r"(?P<indent> *)(?P<key>[\w-]+):(?: +(?P<value>.*))?")
_PLAIN: Final = re.compile(r"[A-Za-z][\w.%:-]*", re.ASCII)


class Call(NamedTuple):
    """The one place of a workflow that calls nexus."""

    uses: int
    """Index of its line."""
    indent: int
    """Spaces before its keys."""
    inside: int | None
    """Index of the line with `with:`; None without one."""


def call_in(text: str) -> Call | None:
    """Return where a workflow calls nexus; None if that is nowhere, or in several places."""
    lines = text.splitlines()
    found = [
        (at, match) for at, line in enumerate(lines) if (match := _USES.fullmatch(line.rstrip()))
    ]
    if len(found) != 1:
        return None
    at, match = found[0]
    indent = len(match["indent"]) + len(match["dash"] or "")
    siblings = _siblings(lines, at, indent)
    inside = [one for one in siblings if re.match(r" *(?:- +)?with:", lines[one])]
    return Call(at, indent, inside[0] if inside else None)


def inputs_in(text: str) -> dict[str, str] | None:
    """Return the inputs of the call by name, as text; None if they are not understood."""
    call = call_in(text)
    if call is None:
        return None
    if call.inside is None:
        return {}
    lines = text.splitlines()
    flow = _flow(lines[call.inside])
    if flow is not None:
        return {key: _bare(value) for key, value, _ in flow}
    if not _is_block(lines[call.inside]):
        return None
    return {match["key"]: _bare(match["value"] or "") for _, match in _block(lines, call)}


def with_input(text: str, name: str, value: str) -> str | None:
    r"""Return the workflow with another value of one input; None if it is not understood.

    >>> with_input("jobs:\n  nexus:\n    uses: o/r/.github/workflows/nexus.yml@v0\n", "shards", "4")
    'jobs:\n  nexus:\n    uses: o/r/.github/workflows/nexus.yml@v0\n    with:\n      shards: "4"\n'
    """
    call, given = call_in(text), inputs_in(text)
    if call is None or given is None:
        return None
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines[0].endswith("\r\n") else "\n"
    written = value if _PLAIN.fullmatch(value) else f'"{value}"'
    if call.inside is None:
        if not lines[call.uses].endswith("\n"):
            lines[call.uses] += ending
        pad = " " * call.indent
        lines.insert(call.uses + 1, f"{pad}with:{ending}{pad}  {name}: {written}{ending}")
    elif _is_block(lines[call.inside]):
        _change_block(lines, call, (name, written), ending)
    else:
        lines[call.inside] = _changed_flow(lines[call.inside], name, written)
    found = "".join(lines)
    return found if inputs_in(found) == given | {name: value} else None


def _siblings(lines: Sequence[str], at: int, indent: int) -> Iterator[int]:
    """Yield the lines of the keys beside the one in a line."""
    if not _is_item(lines[at]):
        for one in _content(lines, range(at - 1, -1, -1), indent):
            yield one
            if _is_item(lines[one]):
                break
    for one in _content(lines, range(at + 1, len(lines)), indent):
        if _is_item(lines[one]):
            break
        yield one


def _content(lines: Sequence[str], places: range, indent: int) -> Iterator[int]:
    """Yield the lines of keys at a depth, until a line is less deep; a dash counts as depth."""
    for at in places:
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" -"))
        if depth < indent:
            return
        if depth == indent:
            yield at


def _is_item(line: str) -> bool:
    return line.lstrip().startswith("- ")


def _is_block(line: str) -> bool:
    return re.fullmatch(r" *(?:- +)?with: *(?:#.*)?", line.rstrip()) is not None


def _block(lines: Sequence[str], call: Call) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the lines of the inputs with their match; the lines of long values are left out."""
    assert call.inside is not None
    depth = 0
    for at in range(call.inside + 1, len(lines)):
        line = lines[at].rstrip()
        if not line or line.lstrip().startswith("#"):
            continue
        here = len(line) - len(line.lstrip(" "))
        if here <= call.indent:
            break
        depth = depth or here
        match = _KEY.fullmatch(line)
        if here == depth and match is not None:
            yield at, match


def _change_block(lines: list[str], call: Call, item: tuple[str, str], ending: str) -> None:
    assert call.inside is not None
    name, written = item
    found = list(_block([line.rstrip("\r\n") for line in lines], call))
    for at, match in found:
        if match["key"] == name:
            comment = _comment(match["value"] or "")
            lines[at] = f"{match['indent']}{name}: {written}{comment}{ending}"
            return
    pad = found[0][1]["indent"] if found else " " * (call.indent + 2)
    lines.insert(call.inside + 1, f"{pad}{name}: {written}{ending}")


def _flow(line: str) -> list[tuple[str, str, tuple[int, int]]] | None:
    """Return key, value and place of the value of a mapping in one line; None for other forms."""
    found = re.fullmatch(r"( *(?:- +)?with: *\{)(.*)\}( *(?:#.*)?)", line.rstrip())
    if found is None:
        return None
    items = []
    item = re.compile(r" *([\w-]+): *(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^,{}\[\]\"']*?) *(?:,|$)")
    at = 0
    while at < len(found[2]):
        one = item.match(found[2], at)
        if one is None or one.end() == at:
            return None
        start = len(found[1])
        items.append((one[1], one[2], (start + one.start(2), start + one.end(2))))
        at = one.end()
    return items


def _changed_flow(line: str, name: str, written: str) -> str:
    items = _flow(line) or []
    for key, _, (start, end) in items:
        if key == name:
            return line[:start] + written + line[end:]
    end = items[-1][2][1] if items else line.index("{") + 1
    comma = ", " if items else ""
    return f"{line[:end]}{comma}{name}: {written}{line[end:]}"


def _comment(value: str) -> str:
    """Return the comment after a value, with the spaces before it."""
    found = re.fullmatch(r"(?:\"[^\"]*\"|'[^']*'|[^\"'#]*?)(\s+#.*)?", value)
    return "" if found is None or found[1] is None else found[1]


def _bare(value: str) -> str:
    """Return a value without quotes and comment."""
    comment = _comment(value)
    bare = (value[: -len(comment)] if comment else value).strip()
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    return bare[1:-1] if is_quoted else bare
