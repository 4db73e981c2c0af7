"""The table of all options, one row each. Parser, environment and reference derive from it.

Every session of pytest imports this file.
"""

from __future__ import annotations

from typing import Final

from pytest_nexus.domain.option import Option
from pytest_nexus.queue_options import QUEUE_OPTIONS

ADAPTIVE: Final = "adaptive"
AUTO: Final = "auto"
LEARNED: Final = ("nexus_select", "nexus_reruns", "nexus_rerun_delay", "nexus_rerun_budget")
"""Options whose values can be learned: `auto` leaves them to the history."""

_NUMBER: Final = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_DECIMALS: Final = r"(?:\.[0-9]{1,4})?"
_PART: Final = (
    rf"(?:affected|confidence:[5-9][0-9]{_DECIMALS}%"
    rf"|budget:(?:{_NUMBER}[smh]|(?:100|[0-9]{{1,2}}{_DECIMALS})%))"
)
_DAYS: Final = r"[0-9]{1,4}[dh]"
_RUNS: Final = r"[0-9]{1,4} runs?"


OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        "nexus",
        "bool",
        default=False,
        help="Record this run, learn from earlier ones, and order the tests",
    ),
    Option(
        "nexus_history",
        "text",
        default=".nexus/history.sqlite3",
        help="History file to read and to add runs to, relative to the rootdir",
        metavar="FILE",
    ),
    Option(
        "nexus_journal",
        "text",
        default=".nexus/journal",
        help="Folder of the journals, one file for each session, relative to the rootdir",
        metavar="DIR",
    ),
    Option(
        "nexus_ingest",
        "bool",
        default=True,
        help="Add the run to the history at its end; turn off if another job adds it",
    ),
    Option(
        "nexus_order",
        "choice",
        default="risk",
        choices=("risk", "static", "off"),
        help="Order of the tests: likely failures per second first, moved by the outcomes of the"
        " run; static: the same, not moved; off: as collected",
    ),
    Option(
        "nexus_base",
        "text",
        default=None,
        help="Revision to compare the change with; nexus chooses it by default",
        metavar="REVISION",
    ),
    Option(
        "nexus_model",
        "text",
        default="auto",
        help="Model that forecasts failures: auto: the history's, else the shipped one; or a file,"
        " a folder or an address that `nexus deploy push` wrote to; or region=place, with commas",
        metavar="PLACE",
    ),
    Option(
        "nexus_runtime",
        "choice",
        default="python",
        choices=("python", "onnx"),
        help="What evaluates the model: python: nexus itself; onnx: onnxruntime, which pays from"
        " some ten thousand tests on and needs the extra onnx",
    ),
    Option(
        "nexus_dependencies",
        "bool",
        default=False,
        help="Record what each test uses: functions, files, variables, distributions; needs"
        " CPython 3.12",
    ),
    Option(
        "nexus_select",
        "text",
        default="off",
        help="Tests to run: off: all; affected: without those that passed with the same code and"
        " data, as far as the history knows what they use; confidence: without those that are"
        " unlikely to fail, so that this share of the failing runs is caught; budget: the likeliest"
        " failures in this time of tests, or share of the time of all tests; auto: as learned",
        metavar="off|auto|affected,confidence:99%,budget:5m",
        pattern=rf"off|auto|(?!.*(affected|confidence|budget).*\1){_PART}(?:,[ \t]*{_PART})*",
        form="'off', 'auto', or one or more of 'affected', 'confidence:99%' (from 50% to below"
        " 100%) and 'budget:5m' or 'budget:30%', with commas between",
    ),
    Option(
        "nexus_select_always",
        "list",
        default="",
        help="Files, folders, globs and node ids of tests that are never left out as unlikely to"
        " fail, with commas between",
        metavar="PATH,...",
    ),
    Option(
        "nexus_select_max_age",
        "text",
        default="7d or 20 runs",
        help="Time, or number of runs on the branch, after which a test is not left out again as"
        " unlikely to fail",
        metavar="7d|20 runs|7d or 20 runs",
        pattern=rf"{_DAYS}|{_RUNS}|{_DAYS} or {_RUNS}|{_RUNS} or {_DAYS}",
        form="'7d', '36h', '20 runs' or '7d or 20 runs'",
    ),
    Option(
        "nexus_select_shadow",
        "bool",
        default=False,
        help="Run all tests, and only record which ones nexus_select would leave out",
    ),
    Option(
        "nexus_select_rest",
        "choice",
        default="after-failure",
        help="When the tests run that a confidence leaves out: after-failure: after all others, if"
        " one of them failed; never; only: now, and no others, by the plan of a run that has ended",
        choices=("after-failure", "never", "only"),
    ),
    Option(
        "nexus_explain",
        "bool",
        default=False,
        help="Print the reasons for the first ten tests at the end of the run",
    ),
    Option(
        "nexus_shard",
        "text",
        default=None,
        help="Run only shard K of N; auto: from the variables of the CI",
        metavar="K/N",
    ),
    Option(
        "nexus_plan",
        "text",
        default=None,
        help="Plan to follow, written by nexus plan, relative to the current folder",
        metavar="FILE",
    ),
    *QUEUE_OPTIONS,
    Option(
        "nexus_dist",
        "choice",
        default="auto",
        choices=("auto", "off"),
        help="Scheduling under xdist: auto: by nexus, in the sense of --dist; off: by xdist",
    ),
    Option(
        "nexus_reruns",
        "text",
        default="adaptive",
        help="Most reruns of a failed test; adaptive: by its flakes so far; 0: no reruns; auto: as"
        " learned",
        metavar="adaptive|auto|N",
        pattern="adaptive|auto|[0-9]{1,3}",
        form="'adaptive' or a number from 0 to 999, or 'auto'",
    ),
    Option(
        "nexus_rerun_delay",
        "text",
        default="adaptive",
        help="Seconds between the attempts of a test; adaptive: by earlier flakes; auto: learned",
        metavar="adaptive|auto|SECONDS",
        pattern=rf"adaptive|auto|{_NUMBER}s?",
        form="'adaptive' or a number of seconds, or 'auto'",
    ),
    Option(
        "nexus_rerun_budget",
        "text",
        default="5%",
        help="Time for all reruns: a share of the planned time of the run, or seconds; auto: as"
        " learned",
        metavar="SHARE%|SECONDS|auto",
        pattern=rf"auto|{_NUMBER}[%s]?",
        form="a share such as '5%' or a number of seconds, or 'auto'",
    ),
    Option(
        "nexus_order_dependence",
        "choice",
        default="repair",
        choices=("repair", "fail", "off"),
        help="Tests that fail only outside the order of collection: repaired, failed, or ignored",
    ),
    Option(
        "nexus_autopilot",
        "choice",
        default="suggest",
        choices=("off", "suggest", "on"),
        help="Better settings: suggest: named in a job summary, once each; on: tried on a share of"
        " the runs and adopted, where a setting is auto; read by `nexus autopilot step`",
    ),
    Option(
        "nexus_otlp",
        "bool",
        default=False,
        help="Send the run to an OpenTelemetry collector at its end, as the OTEL_* variables say",
    ),
    Option(
        "nexus_fail_on_flaky",
        "bool",
        default=False,
        help="End with exit status 7 if a test was flaky and no other test failed",
    ),
    Option(
        "nexus_quarantine",
        "text",
        default="nexus-quarantine.toml",
        help="File of the tests that may fail, relative to the rootdir",
        metavar="FILE",
    ),
)
