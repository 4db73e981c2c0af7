from __future__ import annotations

import pytest

from pytest_nexus.energy.windows import Step
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity.source import Source

START = 1516449600.0


def test_a_file_without_ends(tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text(
        "start,g_per_kwh\n2018-01-20T13:00Z,90\n2018-01-20T12:00Z,100\n2018-01-20T15:00+01:00,80\n"
    )
    assert Source(str(path)).series(None, 0.0).steps == [
        Step(START, START + 3600, 100.0),
        Step(START + 3600, START + 7200, 90.0),
        Step(START + 7200, START + 10_800, 80.0),
    ]


def test_a_file_with_ends_may_have_gaps(tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text("start,end,g_per_kwh\n2018-01-20T12:00,2018-01-20T12:10,100\n")
    assert Source(str(path)).series(None, 0.0).steps == [Step(START, START + 600, 100.0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start,g_per_kwh\n",
        "start\n2018-01-20T12:00\n",
        "start,g_per_kwh\nnoon,100\n",
        "start,g_per_kwh\n2018-01-20T12:00,nan\n",
        "start,g_per_kwh\n2018-01-20T12:00,-1\n",
        "start,end,g_per_kwh\n2018-01-20T12:00,2018-01-20T11:00,5\n",
        "\0",
    ],
)
def test_a_bad_file_is_one_error(tmp_path, text):
    path = tmp_path / "grid.csv"
    path.write_text(text)
    with pytest.raises(IntensityError, match="NX856"):
        Source(str(path)).series(None, 0.0)


@pytest.mark.parametrize("name", ["missing.csv", ".", "electricmaps"])
def test_no_such_file_or_source(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IntensityError, match="NX856"):
        Source(name).series("DE", 0.0)


def test_the_mean_of_the_year_says_what_it_is():
    found = Source("yearly").series("DE", 7300.0)
    assert found.steps[0].start == 7200.0
    assert "yearly mean" in found.source


@pytest.mark.parametrize("zone", [None, "", "nowhere"])
def test_no_mean_of_an_unknown_country(zone):
    with pytest.raises(IntensityError, match="NX855"):
        Source("yearly").series(zone, 0.0)


def test_a_service_needs_a_zone():
    with pytest.raises(IntensityError, match="NX855"):
        Source("uk").series(None, 0.0)
