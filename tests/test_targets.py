"""What people are told to `make` exists, `.ci/run` runs it, and it does not look like a hang."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = ROOT / "Makefile"
CI = ROOT / ".ci" / "run"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NOT_IN_CI = {"bench", "screenshots", "story-autopilot", "test-fast", "test-thorough", "mutants"}
"""A comparison with peers on a quiet machine, half an hour of measured sessions, a part of
`make test`, and two long searches."""

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="needs make and a shell"
)
_CALL = re.compile(
    r"(?:^(?: {4}|\$ )?|`|; run `)make ((?:[a-z][a-z-]*[ \t]*)+)(?=`|#|\n|$)", re.MULTILINE
)
_STUB = """\
#!/bin/sh
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; cp "$0" "$3/bin/nexus" ;;
  "-m pip") shift 2; case " $* " in *" --quiet "* | *" -q "*) ;; *) echo "Collecting" ;; esac ;;
  "-c "*) exec {python} "$@" ;;
  *) echo "ran" ;;
esac
"""


def targets() -> set[str]:
    """The targets that the Makefile declares, except files."""
    (line,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE.read_text("utf-8"), re.MULTILINE)
    declared = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE.read_text("utf-8"), re.MULTILINE))
    assert set(line.split()) == declared
    return declared


def named(text: str) -> set[str]:
    """The targets that a page names in code: `make lint types`, or a line of a block."""
    return {target for call in _CALL.findall(text) for target in call.split()}


def in_ci() -> set[str]:
    """The targets that .ci/run makes."""
    lines = re.findall(r"^make (.*)$", CI.read_text("utf-8"), re.MULTILINE)
    words = [word for line in lines for word in shlex.split(line)]
    return {word for word in words if not word.startswith("-") and "=" not in word}


def test_names_are_found_in_code_alone() -> None:
    text = (
        "make demo    # x\nmake it so.\n`make docs-check lint`\n    make story  # y\nwe make up\n"
    )
    assert named(text) == {"demo", "docs-check", "lint", "story"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_that_a_page_names_exists_and_is_run_by_ci(page: Path) -> None:
    wanted = named(page.read_text("utf-8"))
    assert wanted <= targets()
    assert wanted - NOT_IN_CI <= in_ci()


def test_pages_name_what_a_newcomer_needs() -> None:
    everywhere = set().union(*(named(page.read_text("utf-8")) for page in PAGES))
    assert {
        "demo",
        "test",
        "story",
        "docs",
        "lint",
        "types",
        "contracts",
        "bench",
        "test-fast",
    } <= everywhere
    assert in_ci() <= targets() - NOT_IN_CI


def test_ci_makes_nothing_fresh_before_it_checks_that_it_is() -> None:
    order = [target for line in CI.read_text("utf-8").splitlines() if line.startswith("make ")
             for target in line.split()[1:]]  # fmt: skip
    assert order.index("docs-check") < order.index("docs")


@pytest.mark.parametrize("failing", sorted(in_ci()))
def test_ci_fails_with_each_of_its_targets(tmp_path: Path, failing: str) -> None:
    made = tmp_path / "made"
    stub = tmp_path / "make"
    stub.write_text(
        f'#!/bin/sh\necho "$*" >> {made}\ncase " $* " in *" {failing} "*) exit 2;; esac\n'
    )
    stub.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environ = os.environ | {"PATH": path, "PYTHON": sys.executable, "CI": ""}
    done = subprocess.run([CI], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert failing in made.read_text().split()


@pytest.mark.parametrize("target", ["demo", "test"])
def test_installation_says_what_it_does_and_shows_progress(tmp_path: Path, target: str) -> None:
    stub = tmp_path / "python"
    stub.write_text(_STUB.format(python=sys.executable))
    stub.chmod(0o755)
    places = [f"PYTHON={stub}", f"VENV={tmp_path / 'venv'}", f"COMPANIONS={tmp_path / 'other'}"]
    command = ["make", *places, target]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith(f"Making {tmp_path / 'venv'}: ")
    n_environments = 2 if target == "test" else 1
    assert said.count("Collecting") == n_environments
    assert len([line for line in said if line.startswith("Making ")]) == n_environments


def test_audit_of_workflows_fails_on_an_expression_in_a_script(tmp_path: Path) -> None:
    (recipe,) = re.findall(
        r"^\t\$\(BIN\)/zizmor (.*) \.$", MAKEFILE.read_text("utf-8"), re.MULTILINE
    )
    workflow = tmp_path / ".github" / "workflows" / "bad.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        "on: pull_request_target\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n"
        "    steps:\n      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, *recipe.split(), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


def test_what_ci_leaves_out_of_the_tests_is_run_by_coverage() -> None:
    (left_out,) = re.findall(r'^make test EXCEPT="(.*)"$', CI.read_text("utf-8"), re.MULTILINE)
    (recipe,) = re.findall(r"^coverage: .*\n\t(.*)$", MAKEFILE.read_text("utf-8"), re.MULTILINE)
    assert set(left_out.split()) <= set(recipe.split())
    assert " not " not in recipe, "a marker would leave tests out"
