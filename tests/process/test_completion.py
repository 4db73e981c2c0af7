"""The scripts that complete words, in a real shell."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

COMPLETE = """
source {script}
COMP_WORDS=({words})
COMP_CWORD={at}
COMP_LINE="${{COMP_WORDS[*]}}"
COMP_POINT=${{#COMP_LINE}}
$(complete -p nexus | sed 's/.*-F \\([^ ]*\\).*/\\1/') nexus "${{COMP_WORDS[COMP_CWORD]}}" ""
echo "${{COMPREPLY[@]}}"
"""


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_nexus", "completion", shell],
        capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    return done.stdout


@pytest.mark.posix("completion is for the shells of POSIX")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nexus", "expl"], {"explain"}),
        (["nexus", "history", "ex"], {"export"}),
        (["nexus", "flaky", "hunt", "--bud"], {"--budget"}),
        (["nexus", "report", "--format", "mark"], {"markdown"}),
        (["nexus", "completion", ""], {"bash", "zsh"}),
    ],
)
def test_bash_completes_commands_options_and_values(tmp_path, words, expected) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    file = tmp_path / "nexus.bash"
    file.write_text(script("bash"))
    quoted = " ".join(f"'{word}'" for word in words)
    code = COMPLETE.format(script=file, words=quoted, at=len(words) - 1)
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert expected <= set(done.stdout.split()), done.stderr


def test_zsh_has_a_script_too() -> None:
    text = script("zsh")
    assert "quarantine" in text
    assert "--shards" in text


def test_no_session_imports_the_library(tmp_path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import sys\ndef test_modules(): assert 'shtab' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nexus", "-q"], cwd=tmp_path, check=False
    )
    assert done.returncode == 0
