"""`nexus model ...`: show the versions of the model, deploy one, and copy them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli import model_check
from pytest_nexus.cli.model_onnx import export_onnx
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import HistoryError
from pytest_nexus.forecast import forecaster
from pytest_nexus.forecast.stored_models import parts_of, read_file
from pytest_nexus.history.sqlite.models import Registry, Version, figures
from pytest_nexus.history.store import open_history
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from pytest_nexus.forecast.stored_models import ModelParts

SHIPPED: Final = "shipped"
"""Name of the shipped model, wherever a command expects a version."""

_HELP: Final = {
    "list": "List all versions, oldest first",
    "history": "List when each model was deployed, and which was taken back",
    "show": "Show how a version was trained, and how good it was",
    "diff": "Show what changed from version A to version B",
    "promote": "Deploy a version",
    "rollback": "Deploy the version that was deployed before",
    "export": "Write a version to a file",
    "import": "Add a version from a file, after checking it",
    "card": "Print the model card of a version as Markdown",
}


_NUMBERS: Final = (
    "thrift", "floor", "failure_boost", "pass_doubt", "slope", "intercept", "trees_share"
)  # fmt: skip
"""Numbers of a model that are compared one by one."""

_LOSSES: Final = {
    "APFDc": "student_apfdc_loss",
    "AUC": "student_auc_loss",
    "skill": "student_skill_loss",
    "log loss": "student_log_loss_increase",
}
"""Metrics of what a student loses against its teacher."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _HELP.items():
        sub = commands.add_parser(name, help=text, description=text + ".")
        if name in {"show", "promote", "card", "export"}:
            nargs = None if name == "promote" else "?"
            sub.add_argument("version", nargs=nargs, help=f"its first digits, or `{SHIPPED}`")
        if name == "diff":
            sub.add_argument("a", metavar="A", help="a version")
            sub.add_argument("b", metavar="B", help="another version")
        if name == "export":
            sub.add_argument("--output", metavar="FILE", required=True, help="file to write")
            sub.add_argument(
                "--format", choices=("json", "onnx"), default="json",
                help="json for sessions and `import`, onnx for other runtimes (default: json)",
            )  # fmt: skip
        if name == "import":
            sub.add_argument("file", metavar="FILE", help="file written by `nexus model export`")
        add_history_option(sub)
        if name in {"list", "history", "show", "diff", "card"}:
            add_json_option(sub)
        sub.set_defaults(run=run, action=_ACTIONS[name])
    model_check.add_arguments(
        commands.add_parser("check", help=model_check.HELP, description=f"{model_check.HELP}.")
    )


def run(options: argparse.Namespace) -> int:
    """Open the history and run the sub-command."""
    path = history_path(options.history)
    if not path.exists():
        raise HistoryError(
            "NX518", f"There is no history {str(path)!r} yet; run pytest with --nexus to begin one"
        )
    with open_history(path) as history:
        if getattr(options, "format", "json") == "onnx":
            name, _, stored = _model(history.models, options.version)
            export_onnx(options.output, name, stored, history)
        else:
            options.action(options, history.models)
    return 0


def _list(options: argparse.Namespace, registry: Registry) -> None:
    champion, challenger = registry.alias("champion"), registry.alias("challenger")
    rows: list[dict[str, object]] = [_listed(SHIPPED, champion is None)]
    for each in registry.versions():
        # A challenger that was deployed by hand has both aliases; the deployed one matters.
        alias = {challenger: "challenger", champion: "champion"}.get(each.version, "")
        rows.append(_listed(each.version, alias == "champion") | _figures(each) | {"alias": alias})
    if not champion:
        rows[0]["alias"] = "champion"
    if options.json:
        print_json(rows)
    else:
        columns = (
            *("version", "alias", "parent", "runs", "apfdc", "apfdc_incumbent"),
            *("comparisons", "apfdc_loss", "note"),
        )
        print_table(rows, columns)


def _listed(name: str, is_champion: bool) -> dict[str, object]:  # noqa: FBT001 - a column
    alias = "champion" if is_champion else ""
    return {"version": name, "alias": alias, "parent": None, "note": ""}


def _figures(each: Version) -> dict[str, object]:
    lineage, metrics = figures(each)
    return {
        "parent": each.parent or SHIPPED,
        "runs": _failing_runs(lineage) or None,
        "apfdc": metrics.get("apfdc"),
        "apfdc_incumbent": metrics.get("apfdc_incumbent"),
        "comparisons": metrics.get("student_comparisons"),
        "apfdc_loss": metrics.get("student_apfdc_loss"),
        "note": "taken back" if _taken_back(lineage) else "",
    }


def _taken_back(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a model was taken back, as its lineage states it; empty if it was not."""
    found = lineage.get("taken_back")
    return found if isinstance(found, dict) else {}


def _history(options: argparse.Namespace, registry: Registry) -> None:
    lineages = {each.version: figures(each)[0] for each in registry.versions()}
    rows: list[dict[str, object]] = [{"deployed": None, "version": SHIPPED, "note": "at first"}]
    for version, at in registry.deployments():
        before = rows[-1]["version"]
        fate = _taken_back(lineages.get(str(before), {}))
        note = f"model {before} was taken back: {_figures_of(fate)}" if fate.get("at") == at else ""
        moment = datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds")
        rows.append({"deployed": moment, "version": version or SHIPPED, "note": note})
    if options.json:
        print_json(rows)
    else:
        print_table(rows, ("deployed", "version", "note"))


def _figures_of(fate: Mapping[str, Any]) -> str:
    """Return the figures of a model that was taken back, as far as they are numbers."""
    n, *figures = (fate.get(name) for name in ("failing_runs", "utility", "utility_of_other"))
    shown = " against ".join(f"{each:.3f}" for each in figures if isinstance(each, float))
    return f"{shown} on {n} failing runs"


def _failing_runs(lineage: Mapping[str, Any]) -> int:
    """Return the number of failing runs in a model's training, as far as its lineage states it."""
    found: Any = lineage.get("inputs")
    for name in ("facets", "dataQualityMetrics", "failing_runs"):
        given = found if isinstance(found, list) else []
        found = [each[name] for each in given if isinstance(each, dict) and name in each]
    return sum(count for count in found if isinstance(count, int))


def _show(options: argparse.Namespace, registry: Registry) -> None:
    name, model, stored = _model(registry, options.version)
    lineage, metrics = figures(stored) if stored else (dict(model.card), {})
    found: dict[str, Any] = {
        "version": name,
        "parent": (stored.parent or SHIPPED) if stored else None,
        "lineage": lineage,
        "metrics": metrics,
        "settings": model.card.get("settings", {}),
        "search": model.card.get("search"),
        "thrift": model.thrift,
        "floor": model.floor,
        "failure_boost": model.failure_boost,
        "pass_doubt": model.pass_doubt,
        "trees": len(model.trees),
        "trees_share": model.trees_share,
        "comparisons": metrics.get("student_comparisons"),
        "comparisons_of_teacher": metrics.get("teacher_comparisons"),
        "losses": {name: metrics.get(metric) for name, metric in _LOSSES.items()},
        "calibration": {"slope": model.slope, "intercept": model.intercept},
        "weights": dict(sorted(model.weights.items(), key=lambda each: -each[1])),
    }
    if options.json:
        print_json(found)
        return
    for key, value in found.items():
        if key != "weights":
            say(f"{key.replace('_', ' ')}: {json.dumps(value)}")
    print_table([{"term": t, "weight": w} for t, w in found["weights"].items()], ("term", "weight"))


def _diff(options: argparse.Namespace, registry: Registry) -> None:
    (_, a, _), (_, b, _) = _model(registry, options.a), _model(registry, options.b)
    rows: list[dict[str, object]] = [
        {"what": f"weight of {term}", "a": a.weights.get(term, 0.0), "b": b.weights.get(term, 0.0)}
        for term in sorted({*a.weights, *b.weights})
    ]
    rows += [{"what": name, "a": getattr(a, name), "b": getattr(b, name)} for name in _NUMBERS]
    rows.append({"what": "trees", "a": len(a.trees), "b": len(b.trees)})
    changed = [row for row in rows if row["a"] != row["b"]]
    if a.trees != b.trees and len(a.trees) == len(b.trees):
        changed.append({"what": "trees, their content", "a": None, "b": None})
    if options.json:
        print_json(changed)
    elif changed:
        print_table(changed, ("what", "a", "b"))
    else:
        say("no difference in what they decide")


def _promote(options: argparse.Namespace, registry: Registry) -> None:
    name, _, stored = _model(registry, options.version)
    registry.set_alias("champion", stored.version if stored else None, clock.time())
    say(f"model {name} is deployed")


def _rollback(options: argparse.Namespace, registry: Registry) -> None:
    del options
    has_earlier, earlier = registry.earlier()
    if not has_earlier:
        raise HistoryError("NX907", "No earlier model was deployed; see `nexus model list`")
    name, _, _ = _model(registry, earlier or SHIPPED)
    registry.set_alias("champion", earlier, clock.time())
    say(f"model {name} is deployed again")


def _export(options: argparse.Namespace, registry: Registry) -> None:
    name, _, stored = _model(registry, options.version)
    document = stored.document if stored else forecaster.prior()
    Path(options.output).write_text(document, encoding="utf-8")
    say(f"model {name} written to {options.output}")


def _import(options: argparse.Namespace, registry: Registry) -> None:
    found = read_file(options.file)
    if found is None:
        say(f"this is the model that is shipped; it is known as `{SHIPPED}`")
        return
    name, document = found
    taken = Version(name, None, clock.time(), document, '{"imported": true}', "{}")
    if registry.add(taken):
        say(f"model {name} is now in the history; `nexus model promote {name}` deploys it")
    else:
        is_deployed = registry.alias("champion") == name
        say(f"model {name} is known already; it is {'' if is_deployed else 'not '}deployed")


def _card(options: argparse.Namespace, registry: Registry) -> None:
    name, model, stored = _model(registry, options.version)
    text = card(name, model, stored)
    if options.json:
        print_json({"version": name, "card": dict(model.card), "markdown": text})
    else:
        say(*text.split("\n"))


def card(name: str, model: ModelParts, stored: Version | None) -> str:
    """Return the model card of a version, in Markdown."""
    lines = [
        f"# Model {name}",
        "",
        "Predicts for each test how likely its first attempt fails in the run that begins.",
        "",
        f"- Trained on: {json.dumps(dict(model.card), sort_keys=True)}",
        f"- Odds product of {len(model.weights)} terms"
        + (f" and {len(model.trees)} trees" if model.trees else ""),
        f"- Regard to time in the order (thrift): {model.thrift:g}",
        f"- Gain in log odds after a failure of a test like it: {model.failure_boost:g}",
        f"- Loss in log odds after a pass of the same function: {model.pass_doubt:g}",
        f"- Calibration: slope {model.slope:g}, intercept {model.intercept:g}",
    ]
    lines += _of_search(model.card)
    if stored is not None:
        lines += _of_student(*figures(stored))
        lines += [f"- Lineage: {stored.lineage}", f"- Metrics: {stored.metrics}"]
    lines += ["", "| term | weight |", "| --- | --- |"]
    lines += [f"| {t} | {w:g} |" for t, w in sorted(model.weights.items(), key=lambda e: -e[1])]
    return "\n".join(lines)


def _of_search(card: Mapping[str, Any]) -> list[str]:
    """Return the line of the card about the settings of the training, if a search found any."""
    settings, found = card.get("settings"), card.get("search")
    if not settings and not found:
        return []
    text = f"- Settings that are not the default ones: {json.dumps(settings or {})}"
    return [f"{text}; search: {json.dumps(found)}" if found else text]


def _of_student(lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    """Return the line of the card about student and teacher, as far as the figures are numbers."""
    ours, theirs = metrics.get("student_comparisons"), metrics.get("teacher_comparisons")
    if not (isinstance(ours, float) and isinstance(theirs, float)):
        return []
    lost = [
        f"{name} {metrics[metric]:+.4f}"
        for name, metric in _LOSSES.items()
        if isinstance(metrics.get(metric), float)
    ]
    text = (
        f"- Student {lineage.get('student')} of teacher {lineage.get('teacher')}: {ours:.1f}"
        f" comparisons per test instead of {theirs:.1f}"
    )
    return [f"{text}; losses: {', '.join(lost)}" if lost else text]


def _model(registry: Registry, asked: str | None) -> tuple[str, ModelParts, Version | None]:
    """Return name, parts and row of the requested version; None requests the champion."""
    stored = registry.champion() if asked is None else None
    if asked is not None and asked != SHIPPED:
        matches = registry.find(asked)
        if len(matches) != 1:
            raise HistoryError(
                "NX908",
                f"{len(matches)} versions begin with {asked!r}; give more digits,"
                " see `nexus model list`",
            )
        (stored,) = matches
    return SHIPPED if stored is None else stored.version, parts_of(stored), stored


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Registry], None]]] = {
    "list": _list,
    "history": _history,
    "show": _show,
    "diff": _diff,
    "promote": _promote,
    "rollback": _rollback,
    "export": _export,
    "import": _import,
    "card": _card,
}
