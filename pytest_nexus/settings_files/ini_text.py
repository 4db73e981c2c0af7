"""Change one value in a file with pytest's settings, and nothing else.

A change is checked: the file is parsed before and after, and may differ by this value only.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TOML_VALUE: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s#\"'\[{]+"
_COMMENTS: Final = ("#", ";")


def with_ini_value(text: str, section: str, key: str, value: str, *, is_toml: bool) -> str | None:
    r"""Return the text with another value of a key; None if the text is not understood.

    A key that is missing is added below the heading of its section.

    Args:
        text: of the file.
        section: such as `pytest`, `tool:pytest` or `tool.pytest.ini_options`.
        key: name of the option.
        value: its value; without line ends and quotes.
        is_toml: whether the file is TOML.

    >>> with_ini_value("[pytest]\n# ours\nnexus = true\n", "pytest", "nexus_reruns", "2",
    ...                is_toml=False)
    '[pytest]\nnexus_reruns = 2\n# ours\nnexus = true\n'
    """
    lines = text.splitlines(keepends=True)
    heading = re.compile(rf"\s*\[{re.escape(section)}\]\s*(?:[#;].*)?")
    starts = [at for at, line in enumerate(lines) if heading.fullmatch(line.rstrip("\r\n"))]
    if len(starts) != 1:
        return None
    end = next(
        (at for at in range(starts[0] + 1, len(lines)) if lines[at].startswith("[")), len(lines)
    )
    places = [
        at for at in range(starts[0] + 1, end) if re.match(rf"{re.escape(key)}\s*[=:]", lines[at])
    ]
    ending = "\r\n" if lines[starts[0]].endswith("\r\n") else "\n"
    written = f'"{value}"' if is_toml else value
    if not places:
        if not lines[starts[0]].endswith("\n"):
            lines[starts[0]] += ending
        lines.insert(starts[0] + 1, f"{key} = {written}{ending}")
    else:
        changed = _changed_line(lines, places[-1], key, written, is_toml=is_toml)
        if changed is None:
            return None
        lines[places[-1]] = changed + (ending if lines[places[-1]].endswith("\n") else "")
    found = "".join(lines)
    parse = _parsed_toml if is_toml else _parsed_ini
    return found if _is_only_change(parse, (text, found), section, (key, value)) else None


def _changed_line(
    lines: Sequence[str], at: int, key: str, written: str, *, is_toml: bool
) -> str | None:
    line = lines[at].rstrip("\r\n")
    if is_toml:
        found = re.fullmatch(rf"({re.escape(key)}\s*=\s*)({_TOML_VALUE})(\s*(?:#.*)?)", line)
        return None if found is None else f"{found[1]}{written}{found[3]}"
    is_continued = at + 1 < len(lines) and bool(re.match(r"[ \t]+\S", lines[at + 1]))
    found = re.fullmatch(rf"({re.escape(key)}\s*[=:][ \t]*)(.*)", line)
    if found is None or is_continued or any(each in found[2] for each in _COMMENTS):
        return None
    return found[1] + written


def _is_only_change(
    parse: Callable[[str], dict[str, Any] | None],
    texts: tuple[str, str],
    section: str,
    item: tuple[str, str],
) -> bool:
    before, after = parse(texts[0]), parse(texts[1])
    if before is None or after is None:
        return False
    own: Any = before
    for part in [section] if section in before else section.split("."):
        own = own.get(part)
        if not isinstance(own, dict):
            return False
    own[item[0]] = item[1]
    return before == after


def _parsed_toml(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _parsed_ini(text: str) -> dict[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign] # as the documentation says
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser[name]) for name in parser.sections()}
