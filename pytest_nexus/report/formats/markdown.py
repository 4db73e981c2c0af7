"""Write a run as Markdown: the verdict first, then the facts to act on. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted, fine_seconds, percent
from pytest_nexus.plan.verification.verify import apart
from pytest_nexus.report.ci.headline import verdict
from pytest_nexus.report.ci.summary import longest_setup_s
from pytest_nexus.report.formats.escaping import code, code_element, escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_nexus.ci.links import Links
    from pytest_nexus.report.ci.results import TestResult
    from pytest_nexus.report.ci.summary import Failed, Part, Summary

MAX_BYTES: Final = 1024 * 1024
"""GitHub's limit for the summary of one step; a longer summary is not shown at all."""

MAX_ROWS: Final = 50
_BAR_CHARS: Final = 24
_WORTH_SAYING_S: Final = 0.1
_NO_BASE: Final = (
    "The history has no run of {branch}: which failures are new with this change is not known."
)
_CUT: Final = "\n\n_The rest is left out: the summary would be too long._\n"


def markdown(summary: Summary, lines: Locator, max_bytes: int = MAX_BYTES) -> str:
    """Return the report in at most `max_bytes` bytes of UTF-8: whole sections, from the top.

    Args:
        summary: the run.
        lines: returns the line of a test in its file, or None.
        max_bytes: largest allowed size.
    """
    sections = [section for make in _SECTIONS if (section := make(summary, lines))]
    return fitted(sections, max_bytes)


def fitted(sections: Iterable[str], max_bytes: int) -> str:
    r"""Return the leading sections that fit, and a note about the rest.

    >>> fitted(["abc", "defg"], 200)
    'abc\n\ndefg\n'
    """
    text, room = "", max_bytes - len(_CUT)
    for section in sections:
        longer = f"{text}\n\n{section}" if text else section
        if len(longer.encode("utf-8", "replace")) > room:
            return text + _CUT
        text = longer
    return text + "\n"


def headline(summary: Summary) -> str:
    """Return the verdict as a heading."""
    return f"## {'✅' if summary.is_good else '❌'} {verdict(summary)}"


def _headline(summary: Summary, _: Locator) -> str:
    return headline(summary)


def selection_section(summary: Summary, _: Locator) -> str:
    """Return what selections left out, and why; empty without a selection."""
    return "\n".join(escaped(sentence, 1000) for sentence in summary.left_out)


def proof_section(summary: Summary, _: Locator) -> str:
    """Return the facts that the shards prove, and the gaps in the proof."""
    lines = []
    for proof in summary.proofs:
        lines.append(escaped(proof.sentence, 1000) + ".")
        for problem in proof.problems[:MAX_ROWS]:
            head, names = apart(problem)
            lines.append(f"- ⚠️ {escaped(head, 1000)}")
            lines += [f"  - {escaped(name, 1000)}" for name in names]
    return "\n".join(lines)


def new_section(summary: Summary, lines: Locator) -> str:
    """Return the failures of this change; all failures if there is no base to compare with."""
    if summary.known.has_base:
        return failures("### New failures", summary.new_failures, lines, summary)
    found = failures("### Failures", summary.new_failures, lines, summary)
    base = summary.known.base
    branch = f"the base branch {code_element(base)}" if base else "the base, which is not named"
    return _joined(found, _NO_BASE.format(branch=branch)) if found else ""


def known_section(summary: Summary, lines: Locator) -> str:
    """Return the failures that this change did not cause, folded; empty if there are none."""
    found = summary.known_failures
    if not found:
        return ""
    base = summary.known.base or summary.known.branch
    where = f" on {code_element(base)}" if base else ""
    title = f"{counted(len(found), 'failure')} known{where} before this run"
    return _folded(title, failures("", found, lines, summary))


def failures(title: str, found: Sequence[Failed], lines: Locator, about: Summary) -> str:
    """Return a table of failures of a run; empty if there are none."""
    if not found:
        return ""
    rows = [
        (
            _test(one.result),
            _place(one.result, lines, about),
            _reason(one),
            _since(one, about.links),
        )
        for one in found[:MAX_ROWS]
    ]
    return _joined(title, _table(("test", "at", "why", "since"), rows), _more(found))


def flaky_section(summary: Summary, _: Locator) -> str:
    """Return the tests that were flaky in this run; empty if there are none."""
    healed, quarantined = summary.of("healed"), summary.of("quarantined")
    if not healed and not quarantined:
        return ""
    rows = [
        (_test(one), "passed in the end", f"{one.n_attempts}", _why(one))
        for one in healed[:MAX_ROWS]
    ] + [
        (_test(one), "quarantined", f"{one.n_attempts}", _why(one))
        for one in quarantined[:MAX_ROWS]
    ]
    table = _table(("test", "what became of it", "attempts", "why it failed"), rows)
    return _joined("### Flaky", table, _more(max(healed, quarantined, key=len)))


def dependent_section(summary: Summary, _: Locator) -> str:
    """Return the tests that failed because of the order and then passed; empty if none."""
    found = summary.of("order-dependent")
    if not found:
        return ""
    rows = [(_test(one), _why(one)) for one in found[:MAX_ROWS]]
    return _joined("### Order-dependent", _table(("test", "why it failed"), rows), _more(found))


def gains_section(summary: Summary, _: Locator) -> str:
    """Return the section about gains; empty if nothing was gained."""
    said = [one for one in (_saved(summary), _healed(summary), _sooner(summary)) if one]
    return _joined("### Gained" if said else "", *said)


def _saved(summary: Summary) -> str:
    saved_s = summary.tests_s - summary.wall_s
    if len(summary.parts) < 2 or saved_s <= 0:
        return ""
    return (
        f"{fine_seconds(summary.tests_s)} of tests in {fine_seconds(summary.wall_s)}: "
        f"{fine_seconds(saved_s)} saved by {counted(len(summary.parts), 'job')}."
    )


def _healed(summary: Summary) -> str:
    n_healed = summary.counts["healed"]
    if not n_healed or not summary.is_good:
        return ""
    return (
        f"{counted(n_healed, 'flaky test')} passed in a rerun, without which this run had failed."
    )


def _sooner(summary: Summary) -> str:
    gain = summary.gain
    if gain is not None and gain.in_collection_order_s - gain.first_failure_s >= _WORTH_SAYING_S:
        return (
            f"First failure after {fine_seconds(gain.first_failure_s)} of tests; in collection"
            f" order after {fine_seconds(gain.in_collection_order_s)}."
        )
    if summary.first_failure_s is not None and summary.tests_s >= _WORTH_SAYING_S:
        return (
            f"First failure {fine_seconds(summary.first_failure_s)} after the start;"
            f" all tests took {fine_seconds(summary.tests_s)}."
        )
    return ""


def queue_section(summary: Summary, _: Locator) -> str:
    """Return what each job of a shared queue did; empty without a queue."""
    found = summary.jobs
    rows = [
        (
            escaped(one.job), f"{one.n_tests:,}", fine_seconds(one.busy_s),
            "?" if one.idle_s is None else fine_seconds(one.idle_s),
            "?" if one.n_batches is None else f"{one.n_batches:,}",
            "?" if one.n_leases_lost is None else f"{one.n_leases_lost:,}",
            f"{one.n_late:,}", one.end,
        )
        for one in found[:MAX_ROWS]
    ]  # fmt: skip
    if not rows:
        return ""
    columns = ("job", "tests", "busy", "idle", "batches", "leases lost", "too late", "end")
    return _joined("### Jobs of the queue", _table(columns, rows), _more(found))


def _balance(summary: Summary, _: Locator) -> str:
    if len(summary.parts) < 2:
        return ""
    longest = summary.wall_s or 1.0
    rows = [
        (escaped(part.name), f"{part.n_tests:,}", fine_seconds(part.wall_s), _bar(part, longest))
        for part in summary.parts
    ]
    of = "job" if summary.jobs else "shard"
    return _joined("### Balance", _table((of, "tests", "time", ""), rows))


def risk_section(summary: Summary, _: Locator) -> str:
    """Return how probable a failing test was before the run; empty if that is unknown."""
    risk = summary.risk
    if risk is None:
        return ""
    likeliest = ", ".join(f"{code_element(key)} {percent(p)}" for key, p in risk.likeliest)
    return (
        f"Before the run, a failing test had a probability of {percent(risk.probability, 0)};"
        f" the likeliest: {likeliest}. `nexus risk` shows the files that carry the risk."
    )


def outlook_section(summary: Summary, _: Locator) -> str:
    """Return how probable it is that the change is taken back; empty without outcomes."""
    found = summary.outlook
    if found is None:
        return ""
    sentences = (f"After the tests, {found.words}.", *(f"{note}." for note in found.notes))
    return "\n".join(escaped(sentence, 1000) for sentence in sentences)


def trial_section(summary: Summary, _: Locator) -> str:
    """Return which value of a setting the run tries; empty without an experiment."""
    return escaped(summary.known.trial, 1000)


def _slow(summary: Summary, _: Locator) -> str:
    rows = [(_test(one), fine_seconds(one.last.duration_s)) for one in summary.slowest()]
    if not rows:
        return ""
    table = _table(("test", "seconds in all"), rows)
    setups = [(_test(one), fine_seconds(longest_setup_s(one))) for one in summary.slowest_setups()]
    more = f"\n\n{_table(('test', 'set-up'), setups)}" if setups else ""
    return _folded("Slowest tests and set-ups", table + more)


def model_section(summary: Summary, _: Locator) -> str:
    """Return what decided the order, the amount of history behind it, and the energy."""
    runs = counted(summary.known.n_runs, "run")
    used = "" if summary.used_wh is None else f"; about {summary.used_wh:.2g} Wh, an estimate"
    return f"<sub>nexus: {escaped(summary.known.model)}; {runs} in the history{used}</sub>"


_SECTIONS: Final = (
    _headline, selection_section, proof_section, new_section, flaky_section, dependent_section,
    known_section, gains_section, risk_section, outlook_section, trial_section,
    queue_section, _balance, _slow, model_section,
)  # fmt: skip


def _test(result: TestResult) -> str:
    return code(result.nodeid)


def _place(result: TestResult, lines: Locator, about: Summary) -> str:
    """Return file and line, as a link only if the file exists: invented names get no link."""
    path, line = result.nodeid.partition("::")[0], lines(result.nodeid)
    if line is None:
        return code(path)
    return _linked(code(f"{path}:{line}"), about.links.file(about.commit, path, line))


def _linked(text: str, address: str) -> str:
    return f"[{text}]({address})" if address else text


def _reason(failed: Failed) -> str:
    signature = f" <sub>{escaped(failed.signature[:8])}</sub>" if failed.signature else ""
    return _why(failed.result) + signature


def _why(result: TestResult) -> str:
    failure = result.failure
    if failure is None:
        return ""
    is_elsewhere = failure.where and failure.where != result.last.function_key
    where = f" in {code(failure.where)}" if is_elsewhere else ""
    phase = f" ({failure.phase})" if failure.phase != "call" else ""
    return f"{code(f'{failure.exception}: {failure.message}')}{where}{phase}"


def _since(failed: Failed, links: Links) -> str:
    since = failed.since
    if since is None:
        return "this run"
    day = f"{datetime.fromtimestamp(since.started_at, UTC):%Y-%m-%d}"
    commit = since.commit or ""
    named = f"{_linked(code(commit[:9]), links.commit(commit))}, " if commit else ""
    return f"{named}{day}, {counted(since.runs, 'run')}"


def _bar(part: Part, longest: float) -> str:
    return "█" * max(1, round(_BAR_CHARS * part.wall_s / longest))


def _more(found: Sequence[object]) -> str:
    more = len(found) - MAX_ROWS
    return f"and {more:,} more" if more > 0 else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


if TYPE_CHECKING:
    Locator = Callable[[str], int | None]
