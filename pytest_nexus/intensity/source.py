"""Find the series of a grid zone in the source that the user chose."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.energy.grid_factors import SOURCE, yearly_g
from pytest_nexus.energy.windows import Step, ordered
from pytest_nexus.errors import IntensityError
from pytest_nexus.intensity.answers import Service, grams, moment
from pytest_nexus.intensity.services import DAY_S, HOUR_S, SERVICES

if TYPE_CHECKING:
    import argparse

_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_YEARLY_DAYS: Final = 7
YEARLY: Final = "yearly"


class Series(NamedTuple):
    """The intensity of one grid over time."""

    steps: list[Step]
    source: str
    """Where the figures come from, in words."""


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Declare where the intensity of the grid comes from."""
    parser.add_argument(
        "--intensity",
        metavar="SOURCE",
        default=YEARLY,
        help="a CSV file with the columns start,g_per_kwh or start,end,g_per_kwh; or uk,"
        " electricitymaps, watttime; or yearly for the mean of the country (default: yearly)",
    )
    parser.add_argument(
        "--zone",
        metavar="ZONE",
        help="zone of the grid: a country such as DE, or as the source says",
    )
    parser.add_argument(
        "--intensity-url", metavar="URL", help="another address of the service, such as a proxy's"
    )


class Source:
    """The source that the options name; each zone is read once.

    Args:
        name: a path, the name of a service, or `yearly`.
        url: another address of the service; None for its own.
    """

    def __init__(self, name: str, url: str | None = None) -> None:
        self._name = name
        self._service: Service | None = None
        if name in SERVICES:
            words, own_url, _ = SERVICES[name]
            self._service = Service(words, url or own_url)

    def series(self, zone: str | None, now: float) -> Series:
        """Return the series of a zone from now on.

        Raises:
            IntensityError: there is none; the message says why.
        """
        if self._name == YEARLY:
            return _yearly(zone, now)
        if self._service is None:
            return Series(read_series(Path(self._name)), f"the file {self._name}")
        if zone is None:
            raise IntensityError("NX855", f"--intensity {self._name} needs --zone")
        words, _, read = SERVICES[self._name]
        return Series(read(self._service, zone, now), f"{words}, zone {zone}")


def _yearly(zone: str | None, now: float) -> Series:
    value = yearly_g(zone or "")
    if value is None:
        raise IntensityError(
            "NX855",
            f"No yearly mean is known of the zone {zone or ''!r:.50}; name a country such as"
            " --zone DE, or another source with --intensity",
        )
    start = now // HOUR_S * HOUR_S
    return Series([Step(start, start + _YEARLY_DAYS * DAY_S, value)], f"{SOURCE}, {zone}")


def read_series(path: Path) -> list[Step]:
    """Return the steps of a CSV file.

    The columns are `start` and `g_per_kwh`, and perhaps `end`; moments are in ISO 8601. Without an
    end a step lasts until the next one starts, the last one an hour.

    Raises:
        IntensityError: the file cannot be read, or a line is not as it should be.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, _MAX_FILE_BYTES))))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        known = "" if not str(path).isalpha() else f", and no source is called {str(path)!r}"
        raise IntensityError(
            "NX856", f"The file {str(path)!r} cannot be read as a series{known}; see --intensity"
        ) from exc
    found: list[Step] = []
    for number, row in enumerate(rows, start=2):
        try:
            start, value = moment(row["start"]), grams(float(row["g_per_kwh"]))
            end = moment(row["end"]) if row.get("end") else start + HOUR_S
            if end <= start:
                raise ValueError("the end is not after the start")
        except WRONG as exc:
            raise IntensityError(
                "NX856",
                f"Line {number} of {str(path)!r} is no step of a series ({exc!s:.80}); the columns"
                " are start, g_per_kwh and perhaps end",
            ) from exc
        found.append(Step(start, end, value))
    if not found:
        raise IntensityError("NX856", f"The file {str(path)!r} has no step of a series")
    if "end" not in rows[0]:
        found = _until_the_next(found)
    return ordered(found)


def _until_the_next(steps: list[Step]) -> list[Step]:
    given = sorted(steps)
    nexts = [*(each.start for each in given[1:]), given[-1].end]
    return [step._replace(end=end) for step, end in zip(given, nexts, strict=True)]
