"""Read the forecasts of services of grid data, each as one series of steps.

- UK Carbon Intensity, `zone` GB, no key: https://carbon-intensity.github.io/api-definitions/
- Electricity Maps, key in ELECTRICITYMAPS_TOKEN: https://app.electricitymaps.com/docs
- WattTime, name and password in WATTTIME_USER and WATTTIME_PASSWORD: https://docs.watttime.org
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.energy.windows import Step, ordered
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity.answers import Service, grams, iso, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HALF_HOUR_S: Final = 1800.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
_MOST_STEPS: Final = 5_000
_G_PER_LB: Final = 453.59237
_KWH_PER_MWH: Final = 1000.0


def uk_carbon_intensity(service: Service, zone: str, now: float) -> list[Step]:
    """Return the forecast for Great Britain for the coming 48 hours, in steps of half an hour.

    Raises:
        IntensityError: the service does not know the zone, or there is no good answer.
    """
    if zone.upper() not in ("GB", "UK"):
        raise IntensityError(
            "NX855", f"UK Carbon Intensity knows only the zone GB, got {zone!r:.9}"
        )
    answer = service.get(f"/intensity/{iso(now // HALF_HOUR_S * HALF_HOUR_S)}/fw48h")
    return _steps(
        service,
        lambda: (
            Step(moment(each["from"]), moment(each["to"]), grams(each["intensity"]["forecast"]))
            for each in answer["data"][:_MOST_STEPS]
        ),
    )


def electricity_maps(service: Service, zone: str, _now: float) -> list[Step]:
    """Return the forecast of Electricity Maps in steps of an hour.

    Without a plan that has forecasts the present hour is all that is returned.

    Raises:
        IntensityError: the key is missing or refused, or there is no good answer.
    """
    token = originals.environ.get("ELECTRICITYMAPS_TOKEN", "")
    if not token:
        raise IntensityError("NX853", "Electricity Maps needs the variable ELECTRICITYMAPS_TOKEN")
    headers = {"auth-token": token}
    try:
        answer = service.get("/v3/carbon-intensity/forecast", {"zone": zone}, headers)
    except IntensityError as exc:
        if exc.code != "NX853":
            raise
        latest = service.get("/v3/carbon-intensity/latest", {"zone": zone}, headers)
        return _steps(service, lambda: [_hour(latest)])
    return _steps(service, lambda: (_hour(each) for each in answer["forecast"][:_MOST_STEPS]))


def _hour(entry: Any) -> Step:
    start = moment(entry["datetime"])
    return Step(start, start + HOUR_S, grams(entry["carbonIntensity"]))


def watttime(service: Service, zone: str, _now: float) -> list[Step]:
    """Return WattTime's forecast of the marginal emissions, in steps of five minutes.

    Marginal emissions are those of the plants that would serve one kWh more.

    Raises:
        IntensityError: the login is missing or refused, or there is no good answer.
    """
    environ = originals.environ
    login = (environ.get("WATTTIME_USER", ""), environ.get("WATTTIME_PASSWORD", ""))
    if not all(login):
        raise IntensityError(
            "NX853", "WattTime needs the variables WATTTIME_USER and WATTTIME_PASSWORD"
        )
    token = service.get("/login", login=login)
    if not isinstance(token, dict) or not isinstance(token.get("token"), str):
        raise service.wrong("a login without a token")
    answer = service.get(
        "/v3/forecast",
        {"region": zone, "signal_type": "co2_moer"},
        {"Authorization": f"Bearer {token['token']}"},
    )
    return _steps(service, lambda: _marginal(answer))


def _marginal(answer: Any) -> Iterable[Step]:
    meta = answer["meta"]
    if meta["units"] != "lbs_co2_per_mwh":
        raise ValueError(f"the unit {meta['units']!r:.50}")
    length_s = float(meta["data_point_period_seconds"])
    for each in answer["data"][:_MOST_STEPS]:
        start = moment(each["point_time"])
        g_per_kwh = each["value"] * _G_PER_LB / _KWH_PER_MWH
        yield Step(start, start + length_s, grams(g_per_kwh))


def _steps(service: Service, read: Callable[[], Iterable[Step]]) -> list[Step]:
    try:
        found = ordered(list(read()))
    except WRONG as exc:
        raise service.wrong(str(exc)[:100]) from exc
    if not found:
        raise service.wrong("no hour")
    return found


SERVICES: Final[dict[str, tuple[str, str, Callable[[Service, str, float], list[Step]]]]] = {
    "uk": ("UK Carbon Intensity", "https://api.carbonintensity.org.uk", uk_carbon_intensity),
    "electricitymaps": ("Electricity Maps", "https://api.electricitymaps.com", electricity_maps),
    "watttime": ("WattTime", "https://api.watttime.org", watttime),
}
"""Name for messages, address and reader of each service, by the name that options use."""
