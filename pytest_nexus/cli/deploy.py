"""`nexus deploy`: push models to the regions where sessions use them, and take them back."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.deployment.candidate import CHAMPION
from pytest_nexus.deployment.edge import DeployedNode, EdgeDeployment
from pytest_nexus.domain.system.console import say
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse

_HELP: Final = {
    "push": "judge a model, and deploy it in every region",
    "status": "show what is live in each region; `status` may be left out",
    "verify": "read back every file that is live, and check its signature",
    "rollback": "deploy again what was live before, or end a canary",
    "promote": "give the canary to all runners",
    "history": "list what was live in each region, newest first",
}
_SHOWN_DIGITS: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    _add_regions(parser)
    parser.set_defaults(run=show_status)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, words in _HELP.items():
        sub = commands.add_parser(name, help=words, description=words + ".")
        _add_regions(sub)
        sub.set_defaults(run=_ACTIONS[name])
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
            add_history_option(sub)


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
    """Print what is live in each region."""
    return _show(options, EdgeDeployment(regions=options.region).status())


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
    """Give the canary to all runners."""
    return _show(options, EdgeDeployment(regions=options.region).promote())


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
        print_json([node._asdict() for node in nodes])
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
    "history": show_history,
}
