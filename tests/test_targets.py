"""What people are told to `make` does what it says, and does not look like a hang."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = ROOT / "Makefile"

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="needs make and a shell"
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
