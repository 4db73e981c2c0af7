from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import pytest_nexus
from pytest_nexus.cli.main import COMMANDS, build_parser, main
from pytest_nexus.domain.system.console import complain
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

IMPORTED = """
import sys
from pytest_nexus.cli.main import main
try: main(sys.argv[1:])
except SystemExit: pass
print(*sorted(sys.modules))
"""


def run(*arguments: str, code: str | None = None, **environ: str) -> subprocess.CompletedProcess:
    command = ["-m", "pytest_nexus.cli.main"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *command, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | environ,
        check=False,
    )


def test_every_command_has_its_arguments() -> None:
    parser = build_parser()
    assert parser.parse_args(["history", "show"]).run
    assert {"history", "explain", "demo"} <= {command.name for command in COMMANDS}


@pytest.mark.process
def test_only_the_command_that_is_called_is_imported() -> None:
    names = run("history", "--help", code=IMPORTED).stdout.splitlines()[-1].split()
    assert "pytest_nexus.cli.history" in names
    assert "pytest_nexus.cli.demo" not in names
    assert not {"sklearn", "pandas", "numpy", "requests"} & set(names)


@pytest.mark.parametrize("arguments", [["nothing"], ["history"], ["history", "show", "-x"]])
def test_wrong_call_exits_2_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert "usage: nexus" in capsys.readouterr().err


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["--version"])
    assert exited.value.code == 0
    assert capsys.readouterr().out.strip() == pytest_nexus.__version__


def test_error_is_one_line_and_exit_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(["history", "check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexus: ")
    assert_message([line], "NX517", tmp_path)


def test_files_of_the_other_project_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(pytest_nexus, "DISTRIBUTION")
    assert main(["history", "show"]) == 1
    assert "pip uninstall pytest-nexus pytest-nexus-ci" in capsys.readouterr().err


@pytest.mark.process
def test_reader_that_closes_the_pipe_is_no_error() -> None:
    code = (
        "import os, sys\n"
        "from pytest_nexus.cli import main as module\n"
        "class Parser:\n"
        "    def parse_args(self, given): return self\n"
        "    def run(self, options):\n"
        "        for _ in range(10**6): print('line')\n"
        "        return 0\n"
        "module.build_parser = lambda called: Parser()\n"
        "sys.exit(module.main(['x']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.parametrize("module", ["pytest_nexus", "pytest_nexus.cli.main"])
@pytest.mark.process
def test_without_a_command_all_of_them_are_listed(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout.startswith("usage: nexus ")
    for command in COMMANDS:
        assert f"\n    {command.name}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("group", ["history", "model", "quarantine"])
def test_a_group_without_its_command_lists_them(group: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([group])
    said = capsys.readouterr()
    assert said.out == ""
    assert "\ncommands:\n" in said.err
    assert said.err.endswith("the following arguments are required: COMMAND\n")


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        ("explian x", "explain"),
        ("history shwo", "show"),
        ("model exprot", "export"),
        ("history show --histroy x", "--history"),
        ("history show --limt=3", "--limit"),
        ("flaky --jsno", "--json"),
        ("flaky hunt --budgte 3s", "--budget"),
        ("plan --shards 2 --max-shrads=3", "--max-shards"),
        ("report --format markdwon", "markdown"),
        ("simulate --order rsik", "risk"),
    ],
)
def test_a_misspelt_word_gets_the_one_that_was_meant(call: str, meant: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(call.split())
    assert capsys.readouterr().err.rstrip().endswith(f"did you mean {meant}?")


def test_a_word_like_no_other_gets_no_advice(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["history", "show", "--xyzzy"])
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device", "x"), OSError(errno.EFBIG, "File too large"),
     FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")],
)  # fmt: skip
def test_a_full_disk_is_one_error_with_its_remedy(error: OSError, capsys) -> None:
    complain(error)
    assert_message(capsys.readouterr().err, "NX160", "free some space")
