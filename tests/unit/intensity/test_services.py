"""The services of grid data, each as a server on this machine that speaks the documented shapes."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_nexus.energy.windows import Step
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity import answers
from pytest_nexus.intensity.answers import Service
from pytest_nexus.intensity.services import SERVICES
from pytest_nexus.intensity.source import Source

NOW = 1516449700.0  # 2018-01-20T12:01:40Z
START = 1516449600.0

UK = {
    "data": [
        {
            "from": "2018-01-20T12:00Z",
            "to": "2018-01-20T12:30Z",
            "intensity": {"forecast": 266, "actual": 263, "index": "moderate"},
        },
        {
            "from": "2018-01-20T12:30Z",
            "to": "2018-01-20T13:00Z",
            "intensity": {"forecast": 240, "actual": None, "index": "moderate"},
        },
    ]
}
MAPS = {
    "zone": "DE",
    "forecast": [
        {"carbonIntensity": 326, "datetime": "2018-01-20T12:00:00.000Z"},
        {"carbonIntensity": 297.5, "datetime": "2018-01-20T13:00:00.000Z"},
    ],
    "updatedAt": "2018-01-20T11:49:02.666Z",
}
LATEST = {"zone": "DE", "carbonIntensity": 302, "datetime": "2018-01-20T12:00:00.000Z"}
WATTTIME = {
    "data": [
        {"point_time": "2018-01-20T12:00:00+00:00", "value": 1000.0},
        {"point_time": "2018-01-20T12:05:00+00:00", "value": 900.0},
    ],
    "meta": {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
    },
}


class Grid(ThreadingHTTPServer):
    """Answers of all services by path; `replies` come first, whatever is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.replies: list[tuple[int, dict[str, str], bytes]] = []
        self.bodies = {
            "/intensity/2018-01-20T12:00Z/fw48h": UK,
            "/v3/carbon-intensity/forecast?zone=DE": MAPS,
            "/v3/carbon-intensity/latest?zone=DE": LATEST,
            "/login": {"token": "of the login"},
            "/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer": WATTTIME,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Grid

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if self.server.replies:
            status, headers, body = self.server.replies.pop(0)
        else:
            found = self.server.bodies.get(self.path)
            status, headers = (404, {}) if found is None else (200, {})
            body = b"{}" if found is None else json.dumps(found).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if "X-Slow" in headers:
            time.sleep(5.0)
        with suppress(OSError):  # the client has given up
            self.wfile.write(body)


@pytest.fixture
def grid(monkeypatch):
    monkeypatch.setenv("ELECTRICITYMAPS_TOKEN", "key")
    monkeypatch.setenv("WATTTIME_USER", "name")
    monkeypatch.setenv("WATTTIME_PASSWORD", "secret")
    with Grid() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ZONES = {"uk": "GB", "electricitymaps": "DE", "watttime": "CAISO_NORTH"}


def steps(grid: Grid, name: str) -> list[Step]:
    return Source(name, grid.url).series(ZONES[name], NOW).steps


def test_uk_carbon_intensity(grid):
    assert steps(grid, "uk") == [
        Step(START, START + 1800, 266.0), Step(START + 1800, START + 3600, 240.0)
    ]  # fmt: skip


def test_electricity_maps(grid):
    assert steps(grid, "electricitymaps") == [
        Step(START, START + 3600, 326.0), Step(START + 3600, START + 7200, 297.5)
    ]  # fmt: skip
    assert grid.asked[0][1]["auth-token"] == "key"


def test_electricity_maps_without_a_plan_for_forecasts(grid):
    grid.replies = [(403, {}, b'{"error": "plan"}')]
    assert steps(grid, "electricitymaps") == [Step(START, START + 3600, 302.0)]


def test_watttime_logs_in_and_turns_pounds_per_megawatt_hour_into_grams(grid):
    found = steps(grid, "watttime")
    assert found[0] == Step(START, START + 300, pytest.approx(453.59237))
    assert grid.asked[0][1]["Authorization"] == "Basic " + b64encode(b"name:secret").decode()
    assert grid.asked[1][1]["Authorization"] == "Bearer of the login"


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ((500, {}, b""), "NX851"),
        ((429, {"Retry-After": "30"}, b""), "NX854"),
        ((302, {"Location": "http://evil.invalid/"}, b""), "NX851"),
        ((200, {}, b"<html>"), "NX852"),
        ((200, {}, b"[" * 100_000), "NX852"),
        ((200, {}, b"[]"), "NX852"),
        ((200, {}, b"null"), "NX852"),
        ((200, {}, b" " * (4 * 1024 * 1024 + 1)), "NX852"),
    ],
    ids=["error", "limit", "redirect", "html", "deep", "list", "null", "large"],
)
def test_a_bad_answer_is_one_error(grid, name, reply, code):
    grid.replies = [reply]
    with pytest.raises(IntensityError) as caught:
        steps(grid, name)
    assert caught.value.code == code
    assert len(grid.asked) == 1


@pytest.mark.parametrize("name", ["electricitymaps", "watttime"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_says_so_and_is_not_shown(grid, name, status):
    grid.replies = [(status, {}, b"secret key")] * 2
    with pytest.raises(IntensityError) as caught:
        steps(grid, name)
    assert caught.value.code == "NX853"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("electricitymaps", "ELECTRICITYMAPS_TOKEN"), ("watttime", "WATTTIME_PASSWORD")],
)
def test_a_missing_key_names_its_variable(grid, monkeypatch, name, variable):
    monkeypatch.delenv(variable)
    with pytest.raises(IntensityError, match=variable):
        steps(grid, name)
    assert grid.asked == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["data"][0]["intensity"].update(forecast=-1),
        lambda body: body["data"][0]["intensity"].update(forecast=1e9),
        lambda body: body["data"][0]["intensity"].update(forecast="266"),
        lambda body: body["data"][0]["intensity"].update(forecast=True),
        lambda body: body["data"][0].update({"from": 12}),
        lambda body: body["data"][0].update({"from": "yesterday"}),
        lambda body: body["data"].clear(),
    ],
)
def test_a_value_of_another_kind_is_one_error(grid, change):
    body = json.loads(json.dumps(UK))
    change(body)
    grid.bodies["/intensity/2018-01-20T12:00Z/fw48h"] = body
    with pytest.raises(IntensityError) as caught:
        steps(grid, "uk")
    assert caught.value.code == "NX852"


def test_another_unit_is_refused(grid):
    body = json.loads(json.dumps(WATTTIME))
    body["meta"]["units"] = "kg_co2_per_mwh"
    grid.bodies["/v3/forecast?region=CAISO_NORTH&signal_type=co2_moer"] = body
    with pytest.raises(IntensityError, match="NX852"):
        steps(grid, "watttime")


def test_a_server_that_is_too_slow_is_left(grid, monkeypatch):
    monkeypatch.setattr(answers, "MAX_WAIT_S", 0.2)
    grid.replies = [(200, {"X-Slow": "yes"}, b"{}")]
    started = time.perf_counter()
    with pytest.raises(IntensityError, match="NX851"):
        steps(grid, "uk")
    assert time.perf_counter() - started < 4.0


def test_a_server_that_is_away():
    with pytest.raises(IntensityError, match="NX850"):
        Source("uk", "http://127.0.0.1:9").series("GB", NOW)


def test_equal_questions_are_asked_once(grid):
    service = Service("UK Carbon Intensity", grid.url)
    read = SERVICES["uk"][2]
    assert read(service, "GB", NOW) == read(service, "GB", NOW + 60)
    assert len(grid.asked) == 1


def test_great_britain_only(grid):
    with pytest.raises(IntensityError, match="NX855"):
        Source("uk", grid.url).series("DE", NOW)
