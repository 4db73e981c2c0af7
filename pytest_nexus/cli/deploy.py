"""`nexus deploy`: push models to the regions where sessions use them, and take them back."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.output.tables import add_json_option, natural, print_json, print_table
from pytest_nexus.deployment.canary import N_RUNS
from pytest_nexus.deployment.candidate import CHAMPION
from pytest_nexus.deployment.edge import DeployedNode, EdgeDeployment
from pytest_nexus.domain.system.console import say
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.deployment.reports import Reported

_HELP: Final = {
    "push": "judge a model, and deploy it in every region",
    "status": "show what is live in each region and how it is used; `status` may be left out",
    "verify": "read back every file that is live, and check its signature",
    "rollback": "deploy again what was live before, or end a canary",
    "promote": "give the canary to all runners",
    "judge": "promote each canary or roll it back, by what sessions report",
    "history": "list what was live in each region, newest first",
}
_SHOWN_DIGITS: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    _add_regions(parser)
    add_history_option(parser)
    parser.set_defaults(run=show_status)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, words in _HELP.items():
        sub = commands.add_parser(name, help=words, description=words + ".")
        _add_regions(sub)
        sub.set_defaults(run=_ACTIONS[name])
        if name in ("push", "status", "judge", "promote"):
            add_history_option(sub)
        if name == "promote":
            sub.add_argument(
                "--auto", action="store_true",
                help="only if sessions report nothing against it; the same as `judge`",
            )  # fmt: skip
        if name in ("judge", "promote"):
            _add_terms(sub)
        if name == "push":
            sub.add_argument(
                "--model", default=CHAMPION, metavar="VERSION",
                help="champion, shipped, or the first digits of a version (default: champion)",
            )  # fmt: skip
            sub.add_argument(
                "--max-latency-ms", type=_above_zero, default=10.0, metavar="MS",
                help="promise for the scores of 10,000 tests, at the 99th percentile (10)",
            )  # fmt: skip
            sub.add_argument(
                "--canary", type=_percent, default=0.0, metavar="P%",
                help="deploy it on this share of the runners first, by the hash of their names",
            )  # fmt: skip


def _add_terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs", type=natural, default=N_RUNS, metavar="N",
        help=f"runs that must have used a canary before all runners get it ({N_RUNS})",
    )  # fmt: skip
    parser.add_argument(
        "--max-latency-ms", type=_above_zero, default=10.0, metavar="MS",
        help="promise for the scores of 10,000 tests that the runners must keep (10)",
    )  # fmt: skip


def _add_regions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--region", action="append", metavar="NAME",
        help="a region of nexus.toml, or a pattern such as eu-*; may be given again (default: all)",
    )  # fmt: skip
    add_json_option(parser)


def push(options: argparse.Namespace) -> int:
    """Judge a model, and deploy it in every region."""
    found = EdgeDeployment(
        options.model,
        options.region,
        options.max_latency_ms,
        history=options.history,
        canary_percent=options.canary,
    ).push()
    if options.json:
        gates = [gate._asdict() for gate in found.gates]
        nodes = [node._asdict() for node in found.nodes]
        print_json({"version": found.version, "gates": gates, "nodes": nodes})
        return 0
    for gate in found.gates:
        say(f"{gate.name}: {gate.sentence}")
    _print(list(found.nodes))
    return 0


def show_status(options: argparse.Namespace) -> int:
    """Print what is live in each region, and what sessions report about it."""
    nodes = EdgeDeployment(regions=options.region, history=options.history).status()
    if options.json or not nodes:
        return _show(options, nodes)
    rows = [
        {
            "region": node.region,
            "target": node.target,
            "version": used.version[:_SHOWN_DIGITS],
            "share": _share(node, used),
            "number": node.sequence,
            "runs": used.runs,
            "nodes": used.nodes,
            "p50_ms": _rounded(used.p50_ms, 2),
            "p99_ms": _rounded(used.p99_ms, 2),
            "failing": used.failing_runs,
            "apfdc": _rounded(used.apfdc, 3),
            "brier": _rounded(used.brier, 4),
        }
        for node in nodes
        for used in node.used
    ]
    print_table(rows, list(rows[0]))
    return 0


def _share(node: DeployedNode, used: Reported) -> str:
    canary = node.canary_percent if node.canary else 0.0
    return f"{canary if used is not node.used[0] else 100.0 - canary:g} %"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def verify(options: argparse.Namespace) -> int:
    """Check every file that is live; an error names the first that is not as it should be."""
    nodes = EdgeDeployment(regions=options.region).status()
    if options.json:
        return _show(options, nodes)
    for node in nodes:
        say(f"{node.region}: model {node.version[:_SHOWN_DIGITS]} is whole, deployment"
            f" {node.sequence}")  # fmt: skip
    if not nodes:
        say("nothing is deployed yet")
    return 0


def roll_back(options: argparse.Namespace) -> int:
    """Deploy again what was live before."""
    return _show(options, EdgeDeployment(regions=options.region).rollback())


def promote(options: argparse.Namespace) -> int:
    """Give the canary to all runners; with `--auto` only if sessions report nothing against it."""
    if options.auto:
        return judge(options)
    return _show(options, EdgeDeployment(regions=options.region).promote())


def judge(options: argparse.Namespace) -> int:
    """Promote each canary or roll it back, and say why."""
    found = EdgeDeployment(
        regions=options.region, max_latency_ms=options.max_latency_ms, history=options.history
    ).judge(options.runs)
    if options.json:
        print_json([each._asdict() for each in found])
        return 0
    for each in found:
        say(f"{each.region}: {each.sentence}")
    if not found:
        say("no region has a canary")
    return 0


def show_history(options: argparse.Namespace) -> int:
    """Print the deployments of each region."""
    rows: list[dict[str, Any]] = []
    for place in EdgeDeployment(regions=options.region).places():
        rows += [
            {
                "region": place.region,
                "number": each.sequence,
                "version": each.model.version[:_SHOWN_DIGITS],
                "canary": None if each.canary is None else each.canary.version[:_SHOWN_DIGITS],
                "pushed": _moment(each.pushed_at),
            }
            for each in place.history()
        ]
    if options.json:
        print_json(rows)
    elif rows:
        print_table(rows, list(rows[0]))
    else:
        say("nothing is deployed yet")
    return 0


def _show(options: argparse.Namespace, nodes: list[DeployedNode]) -> int:
    if options.json:
        print_json(
            [node._asdict() | {"used": [used._asdict() for used in node.used]} for node in nodes]
        )
    elif nodes:
        _print(nodes)
    else:
        say("nothing is deployed yet")
    return 0


def _print(nodes: list[DeployedNode]) -> None:
    rows = [
        {
            "region": node.region,
            "target": node.target,
            "version": node.version[:_SHOWN_DIGITS],
            "number": node.sequence,
            "canary": f"{node.canary[:_SHOWN_DIGITS]} on {node.canary_percent:g} %"
            if node.canary
            else None,
            "p50_ms": round(node.p50_ms, 2),
            "p99_ms": round(node.p99_ms, 2),
            "verified": _moment(node.verified_at),
        }
        for node in nodes
    ]
    print_table(rows, list(rows[0]))


def _moment(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _percent(text: str) -> float:
    value = _number(text.removesuffix("%").strip())
    if not 0.0 <= value <= 100.0:
        raise ArgumentTypeError(f"must be a share such as 10%, got {text!r}")
    return value


def _above_zero(text: str) -> float:
    value = _number(text)
    if not 0.0 < value < 1e6:
        raise ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


_ACTIONS: Final = {
    "push": push,
    "status": show_status,
    "verify": verify,
    "rollback": roll_back,
    "promote": promote,
    "judge": judge,
    "history": show_history,
}
