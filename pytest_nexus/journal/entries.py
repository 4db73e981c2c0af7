"""Convert the lines of a journal into values, with checks of every type and size."""

from __future__ import annotations

import re
from json import JSONDecoder
from json.scanner import make_scanner
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import MAX_KEY_CHARS, key_of_nodeid
from pytest_nexus.domain.records import Change, ChangedFile, CIRun, Run
from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.domain.validation import WRONG, integer, number, refuse_constant, text, texts
from pytest_nexus.errors import with_code
from pytest_nexus.journal import writer
from pytest_nexus.journal.attempt_line import MAX_TEXT_CHARS
from pytest_nexus.journal.encoding import (
    CODES,
    RawAttempt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_PHASE: Final = (0, None)
_KEPT: Final = frozenset(
    ("nodeid", "key", "function", "number", "at", "setup", "call", "teardown", "worker", "failure")
)
_LAST_MOMENT: Final = 253_402_300_799.0
_ALL_PASSED: Final = CODES["passed"] * 0o111
_KEY: Final = rf'"([^"\\\x00-\x1f]{{1,{MAX_KEY_CHARS}}})"'
_SECONDS: Final = r"((?:0|[1-9]\d{0,4})\.\d{6})"
_passed: Final = re.compile(
    rf'\{{"kind":"attempt","nodeid":{_KEY}(?:,"function":{_KEY})?,"at":{_SECONDS}'
    rf',"setup":\["passed",{_SECONDS}\],"call":\["passed",{_SECONDS}\]'
    rf',"teardown":\["passed",{_SECONDS}\](?:,"worker":"gw(\d{{1,5}})")?\}}',
    re.ASCII,
).fullmatch
_RUN_UID: Final = re.compile(r"[0-9a-f]{32}")


def parsed(line: str) -> dict[str, Any]:
    """Return the JSON object of a line; a lone surrogate, which cannot be stored, becomes `?`."""
    record, end = _scan(line, 0)
    if end != len(line) and line[end:].strip():
        raise ValueError("there is more than one value in the line")
    if type(record) is not dict:
        raise TypeError("the line is not an object")
    if "\\u" not in line:
        return record
    storable = dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
    cleaned: dict[str, Any] = loads(storable)
    return cleaned


def passed_attempt(line: str) -> RawAttempt | None:
    """Return the attempt of a line in the writer's exact form for passed attempts, else None.

    Most lines have this form. This function takes half the time of parsing the JSON.
    """
    match = _passed(line)
    if match is None:
        return None
    key, function, at, setup, call, teardown, worker = match.groups()
    return (
        key,
        None if function == key else function,
        1,
        _ALL_PASSED,
        int(float(setup) * 1e6 + 0.5),
        int(float(call) * 1e6 + 0.5),
        int(float(teardown) * 1e6 + 0.5),
        int(float(at) * 1e6 + 0.5),
        None if worker is None else int(worker),
        None,
    )


def attempt(found: dict[str, Any]) -> RawAttempt:
    """Return an attempt, as the history stores it, from the checked values of a line."""
    get = found.get
    nodeid, key, function = found["nodeid"], get("key"), get("function")
    if key is None:
        key = nodeid if len(nodeid) <= MAX_KEY_CHARS else key_of_nodeid(nodeid)
    setup_code, setup = get("setup", _NO_PHASE)
    call_code, call = get("call", _NO_PHASE)
    teardown_code, teardown = get("teardown", _NO_PHASE)
    outcomes = setup_code | call_code << 3 | teardown_code << 6
    if not outcomes:
        raise ValueError("no phase of the attempt ran")
    return (
        key,
        None if function == key else function,
        get("number", 1),
        outcomes,
        setup,
        call,
        teardown,
        found["at"],
        get("worker"),
        get("failure"),
    )


def facts(found: dict[str, Any]) -> dict[str, Any]:
    """Return the checked values of an attempt that the history does not store."""
    return {name: value for name, value in found.items() if name not in _KEPT}


def run(record: dict[str, Any]) -> Run:
    """Return the run that the first line describes."""
    run_uid = record["run_uid"]
    if not _RUN_UID.fullmatch(run_uid):
        raise ValueError(f"{run_uid!r} is no run_uid, 32 hexadecimal digits")
    ci = record.get("ci")
    return Run(
        run_uid=run_uid,
        started_at=number(record["started_at"], _LAST_MOMENT),
        change=_change(record),
        ci=None if ci is None else _ci(ci),
        python=_said(record, "python") or "",
        pytest=_said(record, "pytest") or "",
        platform=_said(record, "platform") or "",
        workers=integer(record.get("workers", 0)),
        selected_by=texts(record.get("selected_by", []), writer.MAX_FILES, MAX_TEXT_CHARS),
    )


def _change(record: dict[str, Any]) -> Change:
    files: list[ChangedFile] = []
    n_left_out = integer(record.get("files_truncated", 0))
    for entry in record.get("files", ())[: writer.MAX_FILES]:
        try:
            files.append(_file(entry))
        except WRONG:
            n_left_out += 1
    return Change(
        commit=_said(record, "commit"),
        branch=_said(record, "branch"),
        base=_said(record, "base"),
        dirty=record.get("dirty") is True,
        files=tuple(files),
        note=with_code("NX417", f"{n_left_out} more changed files are not listed")
        if n_left_out
        else "",
    )


def _file(entry: dict[str, Any]) -> ChangedFile:
    if entry["status"] not in ("A", "M", "D", "R"):
        raise ValueError(f"{entry['status']!r} is no status of a file")
    return ChangedFile(
        text(entry["path"], MAX_TEXT_CHARS),
        entry["status"],
        integer(entry["added"]),
        integer(entry["deleted"]),
        _said(entry, "old_path"),
    )


def _ci(entry: dict[str, Any]) -> CIRun:
    run_number = entry.get("run_number")
    return CIRun(
        provider=text(entry["provider"], MAX_TEXT_CHARS),
        run_id=text(entry["run_id"], MAX_TEXT_CHARS),
        run_number=None if run_number is None else integer(run_number),
        run_attempt=integer(entry.get("run_attempt", 1)),
        workflow=_said(entry, "workflow") or "",
        job=_said(entry, "job") or "",
        event=_said(entry, "event") or "",
    )


def _said(record: dict[str, Any], name: str) -> str | None:
    value = record.get(name)
    return None if value is None else text(value, MAX_TEXT_CHARS)


_scan: Final[Callable[[str, int], tuple[Any, int]]] = make_scanner(
    JSONDecoder(parse_constant=refuse_constant)  # type: ignore[arg-type] # its own context
)
"""Parses one value from an index; `json.loads` would take half as much time again."""
