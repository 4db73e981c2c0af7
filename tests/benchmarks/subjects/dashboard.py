"""The page of a large suite: how long it takes to write, its size, and how quick it is to use."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks.suites import write_history
from tests.benchmarks.table import Table, within
from tests.support.chromium import Watched, missing, started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "the dashboard of a large suite: written, opened, filtered"

MAX_BUILD_S: Final = 5.0
MAX_MIB: Final = 500.0
MAX_MB: Final = 3.0
MAX_INTERACTIVE_MS: Final = 1000.0
MAX_FILTER_MS: Final = 50.0

_WORDS: Final = ("module_07", "case_91", "thing unit")
_BUILD: Final = """
import resource, sys, time
from pytest_nexus.cli.main import main
began = time.perf_counter(), time.process_time()
status = main(["dashboard", "--history", sys.argv[1], "--output", sys.argv[2]])
wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
print(status, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
_OPENED: Final = """() => ({
    interactive: performance.getEntriesByName('nexus-interactive')[0].startTime,
    loaded: performance.timing.domComplete - performance.timing.navigationStart,
})"""
_KEYSTROKES: Final = """async text => {
    const field = document.getElementById('search');
    const found = [];
    for (let end = 1; end <= text.length; end += 1) {
        await new Promise(done => setTimeout(done, 20));
        const began = performance.now();
        field.value = text.slice(0, end);
        field.dispatchEvent(new Event('input'));
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        found.push(performance.now() - began);
    }
    return found;
}"""


def measure(bench: Bench) -> list[Table]:
    """Write the page of a suite once in a process of its own; open it and type into its filter."""
    n_tests, n_runs = bench.size(10_000, 300), bench.size(500, 5)
    history = write_history(bench.folder / "history.sqlite3", n_tests, n_runs)
    page = bench.folder / "dashboard.html"
    rows = _built(history, page, f"{n_tests:,} tests, {n_runs} runs")
    tables = [Table("Written by `nexus dashboard`", rows, "The history is on the disk before.", {})]
    lacking = missing()
    if lacking:
        bench.problems["chromium"] = lacking
        return tables
    with started() as browser:
        rounds = bench.size(5, 1)
        used = [row for slower in (1, 4) for row in _used(browser, page, slower, rounds)]
    note = (
        "Interactive is the end of the page's script, since the start of the navigation. A"
        " keystroke ends with the frame in which the filtered table is painted."
    )
    return [*tables, Table("Used in chromium", used, note, {})]


def _built(history: Path, page: Path, name: str) -> list[Mapping[str, Cell]]:
    command = [sys.executable, "-c", _BUILD, str(history), str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    status, wall_s, cpu_s, mib = map(float, done.stdout.splitlines()[-1].split())
    assert status == 0, done.stderr
    size = page.stat().st_size / 1e6
    return [
        _row(f"wall seconds, {name}", wall_s, within(wall_s, MAX_BUILD_S, "s")),
        _row("processor seconds", cpu_s),
        _row("peak memory, MiB", mib, within(mib, MAX_MIB, "MiB")),
        _row("size, MB", size, within(size, MAX_MB, "MB")),
    ]


def _row(figure: str, value: float, budget: str = "") -> dict[str, Cell]:
    return {"figure": figure, "value": value, "budget": budget}


def _used(browser: Browser, page: Path, slower: int, rounds: int) -> list[dict[str, Cell]]:
    interactive, loaded, strokes = [], [], []
    for _ in range(rounds):
        window = Watched(browser)
        client = window.page.context.new_cdp_session(window.page)
        client.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        window.open(page)
        opened = window.page.evaluate(_OPENED)
        interactive.append(opened["interactive"])
        loaded.append(opened["loaded"])
        window.go("/suite")
        for word in _WORDS:
            strokes += window.page.evaluate(_KEYSTROKES, word)
        window.close()
    late = sorted(strokes)[int(0.95 * (len(strokes) - 1))]
    if slower > 1:
        return [
            _row(f"interactive, ms, processor {slower} times slower", median(interactive)),
            _row(f"keystroke to painted, ms, processor {slower} times slower", median(strokes)),
        ]
    opened_ms, typed_ms = median(interactive), median(strokes)
    return [
        _row("interactive, ms", opened_ms, within(opened_ms, MAX_INTERACTIVE_MS, "ms")),
        _row("loaded, ms", median(loaded)),
        _row("keystroke to painted, ms", typed_ms, within(typed_ms, MAX_FILTER_MS, "ms")),
        _row("the same, 95 % of the keystrokes, ms", late),
    ]
