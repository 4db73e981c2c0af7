from __future__ import annotations

import io
import sys
import threading
import time

import pytest

from pytest_nexus.domain.system import progress_bar
from pytest_nexus.domain.system.progress_bar import ProgressBar, Waiting


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def run(total: int, step_s: float, *, is_quiet: bool = False) -> None:
    clock = Clock()
    with ProgressBar("files", is_quiet=is_quiet, now=clock) as bar:
        for done in range(1, total + 1):
            clock.at += step_s
            bar(done, total)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in place; not a fixture, because pytest takes it away before a test runs."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_quick_command_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run(100, 0.019)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_in_ten_seconds_with_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(30, 1.0)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "2 of 30 files, 28 s left",
        "12 of 30 files, 18 s left",
        "22 of 30 files, 8.00 s left",
    ]


def test_nothing_is_shown_beside_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(30, 1.0, is_quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_without_rich_gets_one_line_that_is_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(progress_bar, "_rich_bar", lambda: None)
    run(4, 1.0)
    lines = terminal.getvalue().split("\r")
    assert [line.partition("\x1b")[0] for line in lines] == [
        "", "2 of 4 files, 2.00 s left", "3 of 4 files, 1.00 s left", "4 of 4 files", "",
    ]  # fmt: skip
    assert terminal.getvalue().endswith("\n")


def test_a_terminal_gets_a_bar_of_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    terminal = on_terminal(monkeypatch)
    run(4, 1.0)
    assert "4 of 4 files" in terminal.getvalue()
    assert "━" in terminal.getvalue()


def test_a_bar_is_taken_away_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    terminal = on_terminal(monkeypatch)
    clock = Clock()

    def fail() -> None:
        with ProgressBar("files", now=clock) as bar:
            clock.at = 3.0
            bar(1, 2)
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        fail()
    assert "1 of 2 files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is empty again


def wait_for(stream: io.StringIO, text: str) -> str:
    """Return what a stream has got, as soon as a text is in it; bounded by ten seconds."""
    until = time.monotonic() + 10
    while text not in stream.getvalue() and time.monotonic() < until:
        time.sleep(0.01)
    return stream.getvalue()


def test_a_wait_shows_nothing_if_it_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    with Waiting("writing the copy"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_long_wait_says_how_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress_bar, "FIRST_S", 0.01)
    clock = iter((0.0, 2.0))
    with Waiting("writing the copy", now=lambda: next(clock)):
        wait_for(stream, "far")
    assert stream.getvalue() == "writing the copy: 2.00 s so far\n"


def test_a_long_wait_on_a_terminal_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(progress_bar, "FIRST_S", 0.01)
    with Waiting("writing the copy"):
        wait_for(terminal, "far")
    assert terminal.getvalue().startswith("\rwriting the copy: ")
    assert terminal.getvalue().endswith("\r\x1b[K\n")


def test_a_wait_beside_json_is_quiet_and_starts_no_thread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_bar, "FIRST_S", 0.0)
    before = threading.active_count()
    with Waiting("writing the copy", is_quiet=True):
        assert threading.active_count() == before
    assert capsys.readouterr() == ("", "")


def test_a_wait_ends_with_the_error_of_what_it_waits_for() -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="disk"), Waiting("writing the copy"):
        raise OSError("disk")
    assert threading.active_count() == before
