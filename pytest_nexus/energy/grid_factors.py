"""Hold the mean intensity of the electricity of countries over one year.

Source: Our World in Data, "Carbon intensity of electricity generation", from Ember and the Energy
Institute, licence CC BY 4.0. Emissions over the life cycle of the plants, imports left out.
"""

from __future__ import annotations

from typing import Final

SOURCE: Final = "yearly mean of the country (Ember and Energy Institute, by Our World in Data)"

YEARLY: Final[dict[str, tuple[int, int]]] = {
    "AE": (561, 2022),
    "AR": (354, 2023),
    "AT": (111, 2023),
    "AU": (549, 2023),
    "BE": (138, 2023),
    "BG": (335, 2023),
    "BR": (98, 2023),
    "CA": (170, 2023),
    "CH": (35, 2023),
    "CL": (291, 2023),
    "CN": (582, 2023),
    "CZ": (450, 2023),
    "DE": (381, 2023),
    "DK": (152, 2023),
    "EE": (417, 2023),
    "ES": (174, 2023),
    "FI": (79, 2023),
    "FR": (56, 2023),
    "GB": (238, 2023),
    "GR": (337, 2023),
    "HK": (699, 2022),
    "HR": (205, 2023),
    "HU": (204, 2023),
    "ID": (676, 2022),
    "IE": (291, 2023),
    "IL": (583, 2022),
    "IN": (713, 2023),
    "IS": (28, 2022),
    "IT": (331, 2023),
    "JP": (485, 2023),
    "KR": (431, 2023),
    "LT": (160, 2023),
    "LU": (105, 2023),
    "LV": (123, 2023),
    "MX": (507, 2023),
    "NL": (268, 2023),
    "NO": (30, 2023),
    "NZ": (113, 2023),
    "PL": (662, 2023),
    "PT": (166, 2023),
    "QA": (602, 2023),
    "RO": (241, 2023),
    "SA": (707, 2022),
    "SE": (41, 2023),
    "SG": (471, 2023),
    "SI": (231, 2023),
    "SK": (117, 2023),
    "TR": (465, 2023),
    "TW": (642, 2023),
    "UA": (260, 2022),
    "US": (369, 2023),
    "ZA": (708, 2023),
}
"""Grams of CO2e per kWh and the year of the figure, by ISO 3166 code."""

WORLD: Final = (480, 2023)
"""The same of the whole world. Source: Ember, Global Electricity Review 2024."""


def yearly_g(zone: str) -> float | None:
    """Return the grams per kWh of a zone by its country; None for an unknown country.

    >>> yearly_g("FR"), yearly_g("US-CAL-CISO") == yearly_g("US"), yearly_g("nowhere")
    (56, True, None)
    """
    found = YEARLY.get(zone.partition("-")[0].upper())
    return None if found is None else found[0]
