"""What people are told to `make` does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = ROOT / "Makefile"


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
