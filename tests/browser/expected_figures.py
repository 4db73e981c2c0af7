"""What a page should draw about a history, as far as commands print it as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pytest_nexus.report.dashboard.columns import compact
from pytest_nexus.report.facts.suite_section import SECONDS_OF
from tests.browser.drawn import NOTHING, TIMES, counted, day, fixed, moment, percent, seconds, whole
from tests.support.damage import KEYS

Expected = dict[str, Any]
"""Figures and tables by name."""

Said = Callable[..., Any]
"""What a command prints as JSON, by its words."""

TEST: Final = KEYS[0]
OUTCOMES: Final = {".": "passed", "F": "failed", "R": "failed, then passed"}
TURNS: Final = {".": "passes again", "F": "began to fail", "R": "flaked"}
SAVED: Final = ("order", "shards", "workers", "reuse", "selection")


def now(said: Said) -> Expected:
    status = said("status", "--runs", "500")
    (week,) = status["weeks"]
    share = f"{whole(week['n_failed_runs'])} of {counted(week['n_runs'], 'run')}"
    sums = {name: week["saved"][f"{name}_s"] for name in SAVED}
    return {
        "Failing runs this week": [percent(week["n_failed_runs"] / week["n_runs"]), share],
        "Wall time of the runs this week": [seconds(week["wall_s"]), ""],
        "Cost of flaky tests this week": [seconds(week["flaky_s"]), ""],
        "Time saved this week": [seconds(sum(value or 0 for value in sums.values())), ""],
        "Failing now": [
            [
                "".join(f"{each['key']}{owner(each)}" for each in group)
                + f"{group[0]['exception']}: {group[0]['message']}",
                since(group[0], status),
                group[0]["branch"],
                group[0]["commit"][:9],
                "".join(dict.fromkeys(name for each in group for name in each["suspects"])),
            ]
            for group in grouped(status["new_failures"])
        ],
        "Newest build of each branch": [
            [
                each["branch"],
                counted(each["n_failed"], "failure")
                if each["verdict"] == "failed"
                else each["verdict"],
                "",
                whole(each["n_tests"]),
                seconds(each["wall_s"]),
                each["commit"][:9],
                moment(each["started_at"]),
            ]
            for each in status["branches"]
        ],
        "Time saved": saved(sums),
        "Deployments": [
            [
                name, whole(each["deployments"]), around(each, "per_week", "per_week", one_digit),
                around(each, "lead_time_s", "lead_time", span),
                around(each, "change_failure_rate", "change_failure", percent),
                around(each, "time_to_restore_s", "time_to_restore", span),
            ]
            for name, each in said("outcome", "report")["environments"].items()
        ],
    }  # fmt: skip


def around(keys: dict[str, Any], name: str, of: str, words: Callable[[Any], str]) -> str:
    bounds = keys[f"{of}_range"]
    return words(keys[name]) + (" to ".join(map(words, bounds)) if bounds else "")


def one_digit(value: float | None) -> str:
    return fixed(value, 1)


def span(value: float | None) -> str:
    if value is None:
        return NOTHING
    hours = compact(value) / 3600
    return f"{fixed(hours / 24, 1)} days" if hours >= 48 else f"{fixed(hours, 1)} hours"


def owner(each: dict[str, Any]) -> str:
    return f" · {each['owner']}" if each["owner"] else ""


def is_new(each: dict[str, Any], status: dict[str, Any]) -> bool:
    return bool(each["n_runs"] == 1 and status["newest"] - each["since"] < 3 * 86_400)


def since(each: dict[str, Any], status: dict[str, Any]) -> str:
    runs = "new" if is_new(each, status) else counted(each["n_runs"], "run")
    return f"{runs}{moment(each['since'])}"


def grouped(failures: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in failures:
        groups.setdefault(f"{each['branch']} {each['commit']}", []).append(each)
    return list(groups.values())


def saved(sums: dict[str, float | None]) -> list[list[str]]:
    words = {"reuse": "reused results"}
    return [[words.get(n, n), seconds(value), NOTES[n]] for n, value in sums.items()]


def suite(said: Said) -> Expected:
    days = said("status", "--runs", "500")["days"][::-1]
    facts = said("dashboard")["suite"]
    ranked = {row["key"]: said("explain", row["key"])[0] for row in facts["tests"]}
    table = [
        [day(each["starts_at"]), whole(each["n_runs"]), seconds(each["wall_s"]),
         seconds(each["tests_s"])]
        for each in days
    ]  # fmt: skip
    failing = [
        [day(each["starts_at"]), whole(each["n_runs"]), whole(each["n_failed_runs"])]
        for each in days
    ]
    tests = sorted(facts["tests"], key=lambda row: (STATUS[status_of(row)], row["rank"]))
    return {
        "Wall time and test time by day": table,
        "Runs and failing runs by day": failing,
        "All tests": [
            [
                row["key"], "", status_of(row), whole(row["failures"]), whole(row["runs"]),
                whole(row["flakes"]), whole(ranked[row["key"]]["rank"]), "",
                seconds(ranked[row["key"]]["duration_s"]),
            ]
            for row in tests
        ],
        "Slowest tests": [
            [row["key"], seconds(row["seconds"]), seconds(row["before_s"]),
             f"{TIMES}{fixed(row['seconds'] / row['before_s'])}"]
            for row in facts["slowest"]
        ],
    }  # fmt: skip


STATUS: Final = {"broken": 0, "flaky": 1, "quarantined": 3, "recovered": 4, "": 5}


def status_of(row: dict[str, Any]) -> str:
    if row["is_quarantined"]:
        return "quarantined"
    return "" if row["status"] == "stable" else str(row["status"])


def flaky(said: Said) -> Expected:
    printed, status = said("flaky", "--all"), said("status", "--runs", "500")
    (entry,) = said("quarantine", "list")
    clusters: dict[tuple[str, ...], list[Any]] = {}
    for each in printed:
        for cluster in each["clusters"]:
            name = (cluster["exception"], cluster["message"], cluster["where"])
            clusters.setdefault(name, []).append((cluster["count"], each["key"]))
    ((reason, found),) = clusters.items()
    keys = [key for _, key in found]
    more = f"and {len(keys) - 3} more" if len(keys) > 3 else ""
    (drawn,) = said("dashboard")["flaky"]["clusters"]
    counts = {f"{name} tests": [whole(n), ""] for name, n in status["flaky"].items()}
    return {
        **counts,
        "cost of all flakes": [seconds(sum(each["cost"]["seconds"] for each in printed)), ""],
        "quarantined": ["1", ""],
        "Flaky tests, the most expensive first": [
            [
                each["key"] + ("owner: @net" if each["key"] == KEYS[1] else ""),
                percent(each["rate"]["mean"]), "", f"{each['flakes']} in {each['rate']['runs']}",
                whole(each["cost"]["reruns"]), whole(each["cost"]["red_builds"]),
                seconds(each["cost"]["seconds"]), day(each["first"]["at"]),
                f"{whole(each['passes'])} of {whole(each['passes_needed'])}",
            ]
            for each in printed
            if each["status"] == "flaky"
        ],
        "Failures that belong together": [
            [
                f"{reason[0]}: {reason[1]}{reason[2]}", whole(sum(n for n, _ in found)),
                whole(len(keys)), "".join(drawn["keys"][:3]) + more,
            ]
        ],
        "Quarantine": [[f"{entry['id']}{entry['reason']}", entry["owner"], "no end"]],
        "Broken, or dependent on the order": [
            [each["key"], each["status"], each["reason"]]
            for each in printed
            if each["status"] in {"broken", "order-dependent"}
        ],
    }  # fmt: skip


def model(said: Said) -> Expected:
    status, facts = said("status", "--runs", "500")["model"], said("dashboard")["model"]
    listed, shown = said("model", "list")[::-1], said("model", "show")
    history = said("model", "history")[1:][::-1]
    facts_of = {each["version"]: each for each in facts["versions"]}
    shipped = {each["term"]: each["shipped"] for each in facts["weights"]}
    return {
        "APFDc, mean of failing runs": [fixed(status["apfdc"], 3), ""],
        f"APFDc of {facts['best_simple']}": [fixed(status["apfdc_simple"], 3), ""],
        "APFDc of collection order": [fixed(status["apfdc_collection"], 3), ""],
        "Brier score": [fixed(status["brier"], 4), ""],
        "log loss": [fixed(facts["mean_log_loss"], 4), ""],
        "How early failures come": [
            [
                moment(each["at"]), each["model"], f"{each['n_failed']} of {each['n_tests']}",
                fixed(each["apfdc"], 3), fixed(each["apfdc_simple"], 3),
                fixed(each["apfdc_collection"], 3), seconds(each["first_failure_s"]),
                fixed(each["brier"], 4), fixed(each["log_loss"], 4),
            ]
            for each in facts["quality"][::-1]
        ],
        "Do the probabilities hold?": [
            [whole(each["n_tests"]), percent(each["predicted"]), percent(each["failed"]),
             f"{percent(each['low'])} to {percent(each['high'])}"]
            for each in facts["reliability"]
        ],
        "What the model goes by": [
            [term, fixed(weight, 3), fixed(shipped[term], 3)]
            for term, weight in sorted(shown["weights"].items(), key=lambda pair: -abs(pair[1]))
        ],
        "What a share of the time finds": [
            [percent(each["share"]), percent(each["precision"]), percent(each["recall"]),
             percent(each["caught"])]
            for each in facts["budgets"]
        ],
        "Versions": [
            [
                each["version"], each["alias"] + each["note"],
                day(facts_of[each["version"]]["created_at"]),
                whole(facts_of[each["version"]]["n_failing_runs"]), fixed(each.get("apfdc"), 3),
                fixed(facts_of[each["version"]]["apfdc_incumbent"], 3),
            ]
            for each in listed
        ],
        "Deployments": [
            [moment(one["at"]), each["version"], one["kind"], one["note"]]
            for each, one in zip(history, facts["deployments"][::-1], strict=True)
        ],
    }  # fmt: skip


def selection(said: Said) -> Expected:
    report, status = said("select", "report")["total"], said("select")
    facts = said("dashboard")["selection"]
    share = report["missed_share"]
    runs = facts["runs"]
    around = f"95 % interval {percent(share['low'])} to {percent(share['high'])}"
    missed = f"of {counted(report['failing_runs'], 'failing run')}, {around}"
    shadows = f"{whole(report['shadow'])} of them shadows, which ran every test"
    saved_s = sum(each["saved_s"] for each in runs if "shadow" not in each["mode"])
    return {
        "failing runs that may be missed, as promised": [percent(facts["promised"]), ""],
        "failing runs that were missed": [percent(share["share"]), missed],
        "runs with selection": [whole(report["runs"]), shadows],
        "time saved by selection": [seconds(saved_s), ""],
        "Time saved against failing runs caught": [
            [
                percent(each["confidence"]), whole(each["n_failing_runs"]), caught(each),
                percent((each["saved"] or {"share": None})["share"]),
                percent((each["saved_passing"] or {"share": None})["share"]),
            ]
            for each in said("select", "simulate")["points"]
            if each["job"] is None
        ],
        "Time spent against failing runs caught": [
            [percent(each["share_of_time"]), percent(each["caught"]), whole(each["n_failing_runs"])]
            for each in facts["curve"]
        ],
        "Promised and realised misses": [
            [
                moment(each["at"]), whole(each["n_failing_runs"]), whole(each["n_missed"]),
                f"{percent(each['missed'])} ({percent(each['low'])} to {percent(each['high'])})",
                percent(each["promised"]),
            ]
            for each in facts["realised"][::-1]
        ],
        "What can be promised": [
            [
                percent(each["confidence"]), "unlikely tests" if each["gap"] else "nothing",
                whole(each["n_failing_runs"]), whole(each["n_needed"]), day(each["expires_at"]),
            ]
            for each in status["cuts"]
        ],
        "Runs with selection": [
            [moment(each["at"]), each["mode"], whole(each["n_left"]), whole(each["n_missed"]),
             seconds(each["saved_s"])]
            for each in runs[::-1][:14]
        ],
    }  # fmt: skip


def caught(point: dict[str, Any]) -> str:
    share = point["caught"]
    if share is None:
        return f"needs {counted(point['n_needed'], 'failing run')} before it"
    return f"{percent(share['share'])} ({percent(share['low'])} to {percent(share['high'])})"


def energy(said: Said) -> Expected:
    weeks = said("green", "report", "--weeks", "0")["rows"]
    runs = said("dashboard")["energy"]["wh_by_run"]
    return {
        "Energy by week": [[each["week"], fixed(each["wh"], 3)] for each in reversed(weeks)],
        "Energy by run": [[day(at), fixed(wh, 3)] for at, wh in reversed(runs)],
    }


def infrastructure(said: Said) -> Expected:
    runs = said("history", "show", "--limit", "1000")
    days = said("status", "--runs", "500")["days"]
    facts = said("dashboard")["machines"]
    gantt, n_reruns = facts["gantt"], sum(run["n_reruns"] for run in runs)
    tests_s = sum(each["tests_s"] for each in days)
    reruns = f"{counted(n_reruns, 'rerun')}, {percent(facts['rerun_s'] / tests_s)} of the test time"
    bound = f"lower bound {seconds(gantt['lower_bound_s'])} of {seconds(gantt['wall_s'])}"
    lost = facts["reliability"]
    return {
        "test time in all runs": [seconds(tests_s), ""],
        "repeated attempts": [seconds(facts["rerun_s"]), reruns],
        "results reused": [NOTHING, "no run could reuse results"],
        "idle share of the newest build": [percent(gantt["idle_share"]), bound],
        "The newest build: what ran where, and when": [
            [
                lane["worker"] or "session", whole(lane["n_tests"]), seconds(lane["busy_s"]),
                seconds(lane["start_s"]), seconds(lane["end_s"]),
                percent(max(0, 1 - lane["busy_s"] / gantt["wall_s"])),
            ]
            for lane in gantt["lanes"]
        ],
        "Balance of shards and workers": [
            [moment(each["at"]), whole(each["n_lanes"]), seconds(each["longest_s"]),
             seconds(each["mean_s"]), fixed(each["longest_s"] / each["mean_s"], 3)]
            for each in facts["balance"][::-1]
        ],
        "Lost or damaged": [
            *([word, whole(lost[name])] for word, name in LOST.items() if lost[name]),
            *([f"artifacts: {status}", whole(n)] for status, n in lost["refused_artifacts"]),
            *([f"{where}: {why}", NOTHING] for where, why in lost["pending"]),
        ],
        "By job, Python, platform and workers": [
            [each["kind"], each["name"], whole(each["n_runs"]), percent(each["failed_share"]),
             seconds(each["median_wall_s"]), seconds(each["mean_tests_s"])]
            for each in facts["groups"]
        ],
    }  # fmt: skip


LOST: Final = {
    "workers that crashed": "crashed_workers",
    "sessions without a recorded end": "unfinished_runs",
    "sessions that did not run all their tests": "incomplete_runs",
}


def one_test(said: Said) -> Expected:
    (explained,), facts = said("explain", TEST), said("dashboard")
    (row,) = [each for each in facts["suite"]["tests"] if each["key"] == TEST]
    (more,) = [each for each in facts["suite"]["details"] if each["key"] == TEST]
    (printed,) = [each for each in said("flaky", "--all") if each["key"] == TEST]
    rate, n = printed["rate"], len(row["strip"])
    parts = [f"{word} {seconds(more[f'{name}_s'])}" for word, name in PHASES.items()]
    flakes = f"flakes in {percent(rate['mean'])} of runs, 90 % between"
    taken = [1e-4 * 1.3 ** facts_digit(each) for each in row["times"]]
    return {
        "expected duration": [seconds(explained["duration_s"]), ", ".join(parts)],
        "runs": [whole(row["runs"]), f"last on {day(row['last_seen'])}"],
        "runs that failed at first": [whole(row["failures"]), "the last run is one of them"],
        "commits with a flake": [
            whole(row["flakes"]), f"{flakes} {percent(rate['low'])} and {percent(rate['high'])}"
        ],
        "forecast, without a change": [percent(explained["score"]), "probability that it fails"],
        f"Outcomes of its last {counted(n, 'run')}": [
            [whole(ago), OUTCOMES[row["strip"][n - 1 - ago]]] for ago in range(n)
        ],
        "Durations": [[whole(ago), seconds(taken[n - 1 - ago])] for ago in range(n)],
        "Where it changed": [
            [moment(each["at"]), TURNS[each["outcome"]], each["commit"][:9], each["branch"]]
            for each in more["turns"]
        ],
        "Why it failed": [
            [f"{each['exception']}: {each['message']}{each['where']}", whole(each["n_runs"]),
             moment(each["last_at"])]
            for each in more["signatures"]
        ],
        "Fails together with": [
            [each["nodeid"], whole(each["together"]), whole(each["failures"])]
            for each in explained["neighbours"]["fails_with"]
        ],
    }  # fmt: skip


PHASES: Final = {"set-up": "setup", "call": "call", "tear-down": "teardown"}


def facts_digit(char: str) -> int:
    return SECONDS_OF.index(char)


NOTES: Final = {
    "order": "How much sooner first failures came than in collection order.",
    "shards": "Seconds of all sessions of a divided build, minus the longest session.",
    "workers": "Seconds of tests minus wall seconds, in sessions with workers.",
    "reuse": "Expected seconds of tests whose result was known.",
    "selection": "Expected seconds of tests that were left out as unlikely to fail.",
}
