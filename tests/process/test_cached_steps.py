"""`nexus cache run`: a command runs again exactly if something that it used has changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.steps import restore
from pytest_nexus.steps.output_entries import Entry
from pytest_nexus.steps.step_store import StepStore
from tests.support.project import COMPANIONS, Project
from tests.support.site_packages import install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GENERATOR = """
import os
import helper
text = open("template.txt").read().format(colour=os.environ.get("COLOUR", "red"), w=helper.WORD)
os.makedirs("out/deep", exist_ok=True)
open("out/deep/a.txt", "w").write(text)
open("runs.log", "a").write("x")
"""
FILES = {
    "pytest.ini": "[pytest]\n",
    "gen.py": GENERATOR,
    "helper.py": "WORD = 'w'  # a word\n",
    "template.txt": "{colour} {w}\n",
}
COUNT = "import time; open(f\"{os.environ['RUNS']}/{time.time_ns()}\", 'w').close()"


class Steps:
    """A project in which commands run as cached steps."""

    def __init__(self, root: Path, runs: Path, said: Callable[[], str]) -> None:
        self.root = root
        self._runs = runs
        self._said = said
        self.said = ""

    def call(self, *command: str, outputs: tuple[str, ...] = ("out",), options=()) -> int:
        """Call a command; return its exit status."""
        given = [f"--output={each}" for each in outputs]
        status = main(["cache", "run", *given, *options, "--", *command])
        self.said = self._said()
        return status

    def gen(self) -> bool:
        """Call the generator; return whether it ran."""
        before = self.n_runs()
        assert self.call(sys.executable, "gen.py") == 0
        return self.n_runs() > before

    def code(self, text: str, *, options=(), outputs=("out",)) -> bool:
        """Run code; return whether it ran."""
        before = self.n_runs()
        self.write("code.py", f"import os\n{COUNT}\nos.makedirs('out', exist_ok=True)\n{text}\n")
        assert self.call(sys.executable, "code.py", options=options, outputs=outputs) == 0
        return self.n_runs() > before

    def n_runs(self) -> int:
        return sum(1 for _ in self._runs.iterdir())

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def read(self, name: str = "out/deep/a.txt") -> str:
        return (self.root / name).read_text("utf-8")


@pytest.fixture
def steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Steps:
    root = tmp_path / "project"
    runs = tmp_path / "runs"
    runs.mkdir()
    made = Steps(root.resolve(), runs, lambda: capfd.readouterr().err)
    for name, text in FILES.items():
        made.write(name, text)
    made.write("gen.py", GENERATOR.rpartition("open(")[0] + COUNT)
    monkeypatch.chdir(root)
    monkeypatch.setenv("RUNS", str(runs))
    monkeypatch.delenv("COLOUR", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return made


class TestReuse:
    def test_a_second_call_restores(self, steps: Steps) -> None:
        assert steps.gen()
        shutil.rmtree(steps.root / "out")
        assert not steps.gen()
        assert steps.read() == "red w\n"
        assert "outputs restored" in steps.said
        assert steps.read(".nexus/.gitignore") == "*\n"

    def test_outputs_that_are_there_are_not_touched(self, steps: Steps) -> None:
        steps.gen()
        before = (steps.root / "out" / "deep" / "a.txt").stat().st_mtime_ns
        assert not steps.gen()
        assert "up to date" in steps.said
        assert (steps.root / "out" / "deep" / "a.txt").stat().st_mtime_ns == before

    def test_outputs_that_were_changed_are_replaced(self, steps: Steps) -> None:
        steps.gen()
        steps.write("out/deep/a.txt", "by hand")
        steps.write("out/more.txt", "by hand")
        assert not steps.gen()
        assert steps.read() == "red w\n"
        assert [path.name for path in (steps.root / "out").iterdir()] == ["deep"]

    def test_a_content_that_comes_back_is_known(self, steps: Steps) -> None:
        steps.gen()
        steps.write("template.txt", "other {w}\n")
        assert steps.gen()
        steps.write("template.txt", FILES["template.txt"])
        assert not steps.gen()
        assert steps.read() == "red w\n"

    def test_each_command_and_each_folder_is_a_step_of_its_own(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps.gen()
        assert steps.call(sys.executable, "-B", "gen.py") == 0
        assert "no earlier run of it is stored" in steps.said
        steps.write("sub/gen.py", "import os; os.makedirs('../out', exist_ok=True)")
        monkeypatch.chdir(steps.root / "sub")
        assert steps.call(sys.executable, "gen.py", outputs=("../out",)) == 0
        assert "no earlier run of it is stored" in steps.said


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("template.txt", "{w}!", "template.txt has changed"),
            ("helper.py", "WORD = 'w'", "helper.py has changed"),
            ("gen.py", GENERATOR, "gen.py has changed"),
            ("helper/__init__.py", "WORD = 'p'", "modules in . were added or removed"),
        ],
    )
    def test_a_file_that_was_used(self, steps: Steps, name: str, text: str, reason: str) -> None:
        steps.gen()
        steps.write(name, text)
        steps.call(sys.executable, "gen.py")
        assert reason in steps.said

    def test_a_file_that_was_not_used_does_not(self, steps: Steps) -> None:
        steps.gen()
        steps.write("other.py", "")
        steps.write("other.txt", "")
        (steps.root / "__pycache__").mkdir(exist_ok=True)
        assert not steps.gen()

    def test_a_variable(self, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
        steps.gen()
        monkeypatch.setenv("COLOUR", "blue")
        monkeypatch.setenv("UNUSED", "1")
        assert steps.gen()
        assert steps.read() == "blue w\n"
        monkeypatch.delenv("COLOUR")
        assert not steps.gen()

    def test_a_variable_that_the_project_asks_for_through_the_library(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = "open('out/a', 'w').write(os.path.expanduser('~'))"
        assert steps.code(code)
        assert not steps.code(code)
        monkeypatch.setenv("USERPROFILE" if os.name == "nt" else "HOME", "/elsewhere")
        assert steps.code(code)

    def test_all_variables_where_the_project_reads_all(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = "open('out/a', 'w').write(str(sorted(os.environ)))"
        assert steps.code(code)
        assert not steps.code(code)
        monkeypatch.setenv("UNUSED", "1")
        assert steps.code(code)

    def test_a_copy_of_the_environment_by_a_library_does_not(
        self, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "site-packages"
        install(site, "lib", files={"lib.py": "import os\ndef f(): return {**os.environ}\n"})
        monkeypatch.setenv("PYTHONPATH", str(site))
        code = "import lib; lib.f(); os.environ.copy"
        assert steps.code(code)
        monkeypatch.setenv("UNUSED", "1")
        assert not steps.code(code)

    def test_a_distribution_that_was_used(
        self, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "site-packages"
        for name in ("used", "unused"):
            install(site, name, "1.0")
        monkeypatch.setenv("PYTHONPATH", str(site))
        monkeypatch.syspath_prepend(site)  # the interpreter of this process is the command's
        code = "import used"
        assert steps.code(code)
        shutil.rmtree(site / "unused-1.0.dist-info")
        install(site, "unused", "2.0")
        assert not steps.code(code)
        shutil.rmtree(site / "used-1.0.dist-info")
        install(site, "used", "2.0")
        assert steps.code(code)
        assert "the distribution used has changed" in steps.said

    def test_a_file_that_extends_the_search_path(
        self, steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(tmp_path)
        assert steps.gen()
        (tmp_path / "more.pth").write_text("/somewhere\n")
        assert steps.gen()
        assert "another Python" in steps.said

    def test_a_listed_folder(self, steps: Steps) -> None:
        steps.write("data/a.txt", "")
        code = "import glob; open('out/a', 'w').write(str(glob.glob('**/*', recursive=True)))"
        steps.write("out/former", "")
        assert steps.code(code)
        steps.write("data/a.txt", "its content is not used")
        assert not steps.code(code)
        steps.write("data/b.txt", "")
        assert steps.code(code)
        assert "the names in data have changed" in steps.said

    def test_a_listed_folder_that_was_missing(self, steps: Steps) -> None:
        code = "import glob; glob.glob('none/*'); os.path.exists('none/x')"
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("none/y", "")
        assert steps.code(code)

    def test_a_file_that_was_missing(self, steps: Steps) -> None:
        code = "try: open('settings.ini')\nexcept OSError: pass"
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("settings.ini", "")
        assert steps.code(code)

    def test_a_file_that_was_only_looked_for(self, steps: Steps) -> None:
        code = "import pathlib; os.path.exists('a'); pathlib.Path('b').is_file(); os.access('c', 4)"
        assert steps.code(code)
        assert not steps.code(code)
        for name in "abc":
            steps.write(name, "")
            assert steps.code(code)

    def test_a_file_whose_time_was_compared(self, steps: Steps) -> None:
        """Its content counts: a checkout has other times."""
        code = "os.path.getmtime('template.txt')"
        assert steps.code(code)
        os.utime(steps.root / "template.txt", (1, 1))
        assert not steps.code(code)
        steps.write("template.txt", "new")
        assert steps.code(code)

    def test_a_command_does_not_find_its_former_outputs(self, steps: Steps) -> None:
        """Else it could leave inputs unread, as make does."""
        code = (
            "if not os.path.exists('out/a'): open('out/a', 'w').write(open('template.txt').read())"
        )
        assert steps.code(code)
        steps.write("code.py", "")
        steps.call(sys.executable, "code.py")
        assert steps.code(code + "  # another version")
        steps.write("template.txt", "new")
        assert steps.code(code + "  # another version")
        assert steps.read("out/a") == "new"

    def test_a_program_that_was_looked_for(self, steps: Steps) -> None:
        code = "import shutil; shutil.which('no-such-program')"
        assert steps.code(code)
        assert not steps.code(code)

    def test_a_module_that_was_missing(self, steps: Steps) -> None:
        code = "try: import _speed\nexcept ImportError: pass"
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("_speed.py", "")
        assert steps.code(code)

    def test_what_a_python_child_used(self, steps: Steps) -> None:
        steps.write("child.py", "import helper; print(open('template.txt').read())")
        code = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'], check=True)"
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("helper.py", "WORD = 'new'")
        assert steps.code(code)
        steps.write("template.txt", "new")
        assert steps.code(code)

    @pytest.mark.posix("forks")
    def test_what_a_forked_child_used(self, steps: Steps) -> None:
        code = (
            "pid = os.fork()\n"
            "if pid == 0:\n    open('template.txt').read(); os._exit(0)\n"
            "os.waitpid(pid, 0)"
        )
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("template.txt", "new")
        assert steps.code(code)

    def test_what_the_command_made_itself_does_not(self, steps: Steps) -> None:
        code = (
            "import tempfile, shutil, glob\n"
            "with tempfile.TemporaryDirectory() as d:\n"
            "    open(d + '/x', 'w').write('1'); open(d + '/x').read(); os.listdir(d)\n"
            "open('by-product', 'w').write('1'); open('by-product').read()\n"
            "open('out/a', 'a').write(str(glob.glob('*')))"
        )
        assert steps.code(code)
        assert not steps.code(code)
        shutil.rmtree(steps.root / "out")
        (steps.root / "by-product").unlink()
        assert not steps.code(code)

    def test_a_file_that_was_read_and_then_changed_is_named(self, steps: Steps) -> None:
        steps.write("state", "0")
        code = "n = int(open('state').read()) + 1; open('state', 'w').write(str(n))"
        assert steps.code(code)
        assert "reads and then changes state" in steps.said
        assert "[NX170]" in steps.said
        assert steps.code(code)


class TestNotStored:
    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            ("import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('127.0.0.1', 9))",
             "it uses the network"),
            ("os.system('exit 0')", "it starts 'exit 0', which nexus cannot watch"),
            ("import subprocess; subprocess.run('exit 0', shell=True)", "which nexus cannot watch"),
            ("import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', ''])",
             "which nexus cannot watch"),
            ("import subprocess, sys; subprocess.run([sys.executable, '-c', ''], env={})",
             "which nexus cannot watch"),
        ],
        ids=["network", "system", "shell", "isolated", "env"],
    )  # fmt: skip
    def test_what_cannot_be_known_is_named_and_runs_again(
        self, steps: Steps, code: str, reason: str
    ) -> None:
        assert steps.code(code)
        assert "the outputs were not stored: it" in steps.said
        assert reason in steps.said
        assert steps.code(code)

    def test_asking_for_the_machine_is_no_obstacle(self, steps: Steps) -> None:
        code = "import platform; platform.uname().processor"
        assert steps.code(code)
        assert not steps.code(code)

    def test_a_failed_command_that_cannot_be_watched_has_failed(self, steps: Steps) -> None:
        code = "import os, sys; os.system('exit 0'); sys.exit(7)"
        assert steps.call(sys.executable, "-c", code) == 7
        assert "[NX169]" in steps.said
        assert "[NX168]" not in steps.said

    def test_a_failed_command(self, steps: Steps) -> None:
        for _ in range(2):
            assert steps.call(sys.executable, "-c", "import sys; sys.exit(7)") == 7
            assert "[NX169]" in steps.said

    def test_a_failed_command_leaves_the_former_outputs(self, steps: Steps) -> None:
        steps.write("out", "former")
        assert steps.call(sys.executable, "-c", "import sys; sys.exit(7)") == 7
        assert steps.read("out") == "former"

    def test_a_command_without_its_output(self, steps: Steps) -> None:
        for _ in range(2):
            assert steps.call(sys.executable, "-c", "pass", outputs=("gone",)) == 0
            assert "the command made no gone" in steps.said

    def test_a_program_that_is_no_python(self, steps: Steps) -> None:
        command = ("cmake", "-E") if os.name == "nt" else ("sh", "-c", "mkdir -p out")
        for _ in range(2):
            steps.call(*command)
            assert "no Python program, and no --input" in steps.said

    @pytest.mark.posix("needs a shell")
    def test_a_program_with_inputs_is_reused(self, steps: Steps) -> None:
        command = ("sh", "-c", "mkdir -p out && cp template.txt out && mktemp -p $RUNS")
        for name, runs in (("a", 1), ("a", 1), ("b", 2), ("a", 2)):
            steps.write("template.txt", name)
            steps.write("unused.txt", name)
            assert steps.call(*command, options=("--input=template.*",)) == 0
            assert (steps.n_runs(), steps.read("out/template.txt")) == (runs, name)

    def test_a_python_command_with_inputs_takes_the_word_of_the_user(self, steps: Steps) -> None:
        code = "os.system('exit 0')"
        assert steps.code(code, options=("--input=template.txt",))
        assert not steps.code(code, options=("--input=template.txt",))
        steps.write("template.txt", "new")
        assert steps.code(code, options=("--input=template.txt",))

    @pytest.mark.parametrize(
        ("given", "code"),
        [("../x", "NX178"), ("/etc/*", "NX178"), ("", "NX178"), ("g*.p", "NX179")],
    )
    def test_an_input_must_fit_a_file_of_the_project(
        self, steps: Steps, given: str, code: str
    ) -> None:
        assert steps.call(sys.executable, "gen.py", options=(f"--input={given}",)) == 1
        assert f"[{code}]" in steps.said

    def test_a_store_that_cannot_be_used_costs_the_reuse(self, steps: Steps) -> None:
        steps.write("store", "a file")
        assert steps.code("", options=("--store=store",))
        assert "the outputs were not stored: the store cannot be used" in steps.said

    def test_an_unknown_program_is_an_error(self, steps: Steps) -> None:
        assert steps.call("no-such-program") == 1
        assert "[NX166]" in steps.said


class TestPlaces:
    @pytest.mark.parametrize("output", ["..", "/etc/x", ".", ".git/x", ".nexus", "out/../../x"])
    def test_outputs_elsewhere_are_refused(self, steps: Steps, output: str) -> None:
        assert steps.call(sys.executable, "gen.py", outputs=(output,)) == 1
        assert "[NX161]" in steps.said or "[NX162]" in steps.said
        assert steps.n_runs() == 0

    @pytest.mark.posix("links need a privilege there")
    def test_a_folder_that_became_a_link_is_not_followed(
        self, steps: Steps, tmp_path: Path
    ) -> None:
        outputs = ("out/deep",)
        assert steps.call(sys.executable, "gen.py", outputs=outputs) == 0
        shutil.rmtree(steps.root / "out")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (steps.root / "out").symlink_to(elsewhere)
        assert steps.call(sys.executable, "gen.py", outputs=outputs) == 1
        assert "[NX161]" in steps.said
        assert [*elsewhere.iterdir()] == []

    @pytest.mark.posix("links need a privilege there")
    def test_links_inside_stay_links_and_modes_are_kept(self, steps: Steps) -> None:
        code = (
            "import pathlib\n"
            "p = pathlib.Path('out/tool'); p.write_text('x'); p.chmod(0o750)\n"
            "pathlib.Path('out/link').unlink(missing_ok=True)\n"
            "pathlib.Path('out/link').symlink_to('tool')"
        )
        assert steps.code(code)
        shutil.rmtree(steps.root / "out")
        assert not steps.code(code)
        assert str((steps.root / "out" / "link").readlink()) == "tool"
        assert (steps.root / "out" / "tool").stat().st_mode & 0o777 == 0o750

    def test_a_file_may_become_a_folder_and_a_folder_a_file(self, steps: Steps) -> None:
        write = "open('a', 'w').write('1')"
        folder = "os.makedirs('a'); open('a/b', 'w').write('1')"
        steps.write("kind", "file")
        code = f"if open('kind').read() == 'file': {write}\nelse: {folder}"
        assert steps.code(code, outputs=("a",))
        steps.write("kind", "folder")
        assert steps.code(code, outputs=("a",))
        for kind in ("file", "folder"):
            steps.write("kind", kind)
            assert not steps.code(code, outputs=("a",))
            assert (steps.root / "a").is_dir() == (kind == "folder")

    @pytest.mark.posix("links need a privilege there")
    @pytest.mark.parametrize("target", ["/etc/passwd", "../../x"])
    def test_links_that_lead_out_are_not_stored(self, steps: Steps, target: str) -> None:
        code = f"if not os.path.lexists('out/link'): os.symlink({target!r}, 'out/link')"
        assert steps.code(code)
        assert "out/link leads out of the project" in steps.said
        assert steps.code(code)

    def test_a_damaged_store_costs_a_run(self, steps: Steps) -> None:
        steps.gen()
        shutil.rmtree(steps.root / "out")
        for path in (steps.root / ".nexus/cache/objects").rglob("*"):
            if path.is_file():
                path.write_bytes(b"other")
        assert steps.gen()
        assert steps.read() == "red w\n"
        for path in (steps.root / ".nexus/cache/steps").rglob("*.json"):
            path.write_text('{"nexus_step": 1, "entries": [["../x", "file", 0, ""]]}')
        assert steps.gen()


class TestStreams:
    @pytest.mark.usefixtures("steps")
    def test_output_and_status_are_those_of_the_command(self) -> None:
        code = (
            "import sys; print('to out'); print('to err', file=sys.stderr); print(sys.stdin.read())"
        )
        done = subprocess.run(
            [sys.executable, "-m", "pytest_nexus", "cache", "run", "--output=out", "--",
             sys.executable, "-c", f"{code}; sys.exit(3)"],
            input="typed", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (3, "to out\n\n"), "the input is empty"
        assert done.stderr.startswith("to err\n")

    def test_the_program_sees_what_python_itself_would_show(self, steps: Steps) -> None:
        steps.write("pkg/__init__.py", "")
        steps.write("pkg/__main__.py", "import sys; print(sys.argv, sys.path, __name__, __file__)")
        command = [sys.executable, "-m", "pkg", "a", "--b"]
        plain = subprocess.run(command, capture_output=True, text=True, check=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest_nexus", "cache", "run", "--output=out", "--", *command],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == plain.stdout

    def test_functions_that_are_watched_look_as_before(self, steps: Steps) -> None:
        code = (
            "import pickle, shutil, inspect\n"
            "assert pickle.loads(pickle.dumps(os.stat))('.').st_mode\n"
            "assert os.stat.__name__ == 'stat' and os.stat(path='.')\n"
            "assert os.stat in os.supports_dir_fd or os.name == 'nt'\n"
            "class C: look = os.stat\n"
            "assert C().look('.') == os.stat('.')\n"
            "assert os.access('.', mode=os.R_OK) and os.lstat('.')"
        )
        assert steps.code(code)
        assert not steps.code(code)

    def test_a_sitecustomize_of_the_user_is_imported(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps.write("site/sitecustomize.py", "import os; HERE = 1")
        monkeypatch.setenv("PYTHONPATH", str(steps.root / "site"))
        code = "import sitecustomize; assert sitecustomize.HERE"
        assert steps.code(code)
        assert not steps.code(code)
        steps.write("site/sitecustomize.py", "import os; HERE = 2")
        assert steps.code(code)

    @pytest.mark.posix("signals")
    @pytest.mark.usefixtures("steps")
    def test_a_signal_is_passed_on_and_back(self) -> None:
        code = "import time, sys; print('ready', flush=True); time.sleep(60)"
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest_nexus", "cache", "run", "--output=out", "--",
             sys.executable, "-c", code], stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        process.stdout.close()


class TestStore:
    def test_two_at_once_run_the_command_once(self, steps: Steps) -> None:
        steps.write(
            "slow.py", f"import os, time\n{COUNT}\ntime.sleep(0.4)\nopen('out', 'w').close()"
        )
        command = [sys.executable, "-m", "pytest_nexus", "cache", "run", "--output=out", "--",
                   sys.executable, "slow.py"]  # fmt: skip
        started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = sorted(process.communicate(timeout=30)[1] for process in started)
        assert [process.returncode for process in started] == [0, 0]
        assert steps.n_runs() == 1
        assert "the command ran" in said[0] or "the command ran" in said[1]

    def test_a_prune_forgets_what_was_not_used_for_longest(self, steps: Steps) -> None:
        for text in ("a", "b"):
            steps.write("template.txt", text * 1000)
            steps.gen()
            time.sleep(0.02)
        found = StepStore(steps.root / ".nexus" / "cache").prune(1500)
        assert (found.runs, found.files, found.freed_bytes, found.left_bytes) == (1, 1, 1000, 1000)
        assert not steps.gen()
        steps.write("template.txt", "a" * 1000)
        assert steps.gen()

    def test_the_store_stays_within_its_size(self, steps: Steps) -> None:
        for text in ("a", "b", "c"):
            code = f"open('out/a', 'w').write({text!r} * 1000)"
            steps.code(code, options=("--max-size=1500",))
        objects = (steps.root / ".nexus/cache/objects").rglob("*")
        assert sum(path.stat().st_size for path in objects if path.is_file()) <= 1500

    def test_a_restore_that_fails_leaves_the_outputs_as_they_were(
        self, steps: Steps, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = steps.root
        entries = []
        for name in ("a", "b"):
            steps.write(name, "old")
            entries.append(Entry(name, "file", 0o644, name))
        real = restore._exchange

        def failing(target: Path, staged: Path, replaced: list[tuple[Path, Path]]) -> None:
            if target.name == "b":
                assert steps.read("a") == "new"
                raise OSError("the disk is full")
            real(target, staged, replaced)

        monkeypatch.setattr(restore, "_exchange", failing)
        with pytest.raises(OSError, match="full"):
            restore.restore(
                root, ("a", "b"), entries, lambda _, path: path.write_text("new") and None
            )
        assert (steps.read("a"), steps.read("b")) == ("old", "old")
        assert not [*root.glob(".a*"), *root.glob(".b*")]


BUILD = (
    "import setuptools.build_meta as b, os; os.makedirs('dist', exist_ok=True);"
    " b.build_wheel('dist')"
)


def test_building_a_wheel(steps: Steps) -> None:
    steps.write("pyproject.toml", '[project]\nname = "toy"\nversion = "1"\n[tool.pytest]\n'
                '[tool.setuptools.packages.find]\nwhere = ["src"]\n')  # fmt: skip
    steps.write("src/toy/__init__.py", "X = 1\n")
    outputs = ("dist", "build", "src/toy.egg-info")
    command = (str(COMPANIONS), "-c", BUILD)
    assert steps.call(*command, outputs=outputs) == 0
    assert "no earlier run of it is stored" in steps.said
    for name in outputs:
        shutil.rmtree(steps.root / name)
    assert steps.call(*command, outputs=outputs) == 0
    assert "outputs restored" in steps.said
    assert (steps.root / "dist" / "toy-1-py3-none-any.whl").is_file()
    steps.write("README.txt", "not a part of the wheel")
    assert steps.call(*command, outputs=outputs) == 0
    steps.write("src/toy/__init__.py", "X = 2\n")
    assert steps.call(*command, outputs=outputs) == 0
    assert "src/toy/__init__.py has changed" in steps.said


def test_a_source_that_a_build_folder_hides_counts(steps: Steps) -> None:
    """Setuptools copies a source only if it is newer than the copy in `build`."""
    steps.write("pyproject.toml", '[project]\nname = "toy"\nversion = "1"\n'
                '[tool.setuptools]\npackages = ["toy"]\n')  # fmt: skip
    steps.write("toy/__init__.py", "X = 1\n")
    for n in range(2):
        steps.write("toy/other.py", f"Y = {n}\n")
        assert steps.call(str(COMPANIONS), "-c", BUILD, outputs=("dist",)) == 0
    steps.write("toy/__init__.py", "X = 22\n")
    assert steps.call(str(COMPANIONS), "-c", BUILD, outputs=("dist",)) == 0
    assert "the command ran" in steps.said
    with zipfile.ZipFile(steps.root / "dist" / "toy-1-py3-none-any.whl") as wheel:
        assert wheel.read("toy/__init__.py").split() == [b"X", b"=", b"22"]


def test_a_thread_may_call_it_too(steps: Steps) -> None:
    """Signals belong to the main thread."""
    thread = threading.Thread(target=steps.gen)
    thread.start()
    thread.join()
    assert steps.read() == "red w\n"


def test_a_project_at_another_place_finds_the_store(steps: Steps, tmp_path: Path) -> None:
    steps.gen()
    copy = tmp_path / "copy"
    shutil.copytree(steps.root, copy)
    shutil.rmtree(copy / "out")
    Project(copy)
    os.chdir(copy)
    steps.call(sys.executable, "gen.py")
    assert "outputs restored" in steps.said
