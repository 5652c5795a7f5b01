"""What the artefact cannot say about itself: ranges, units, words, and what a destination never seen means."""

from typing import Any

import pandas as pd

from flight_data import CATEGORIES, FEATURES, WEATHER, WHOLE, instances

DESCRIPTIONS = {
    "carrier": "Two-letter code of the airline",
    "origin": "Airport of departure",
    "dest": "Airport of arrival; one that training never saw is answered as such",
    "month": "Month of the scheduled departure",
    "day_of_week": "Day of the scheduled departure, 1 for Monday to 7 for Sunday",
    "hour": "Hour of the scheduled departure, local time",
    "minute": "Minute of the scheduled departure",
    "distance": "Distance between the airports",
    "temp": "Temperature at the origin in the scheduled hour",
    "dewp": "Dew point",
    "humid": "Relative humidity",
    "wind_dir": "Direction the wind comes from",
    "wind_speed": "Wind speed",
    "wind_gust": "Speed of gusts; not reported when there are none",
    "precip": "Precipitation of the hour",
    "pressure": "Pressure at sea level",
    "visib": "Visibility",
}
UNITS = {
    "distance": "mi",
    "temp": "°F",
    "dewp": "°F",
    "humid": "%",
    "wind_dir": "°",
    "wind_speed": "mph",
    "wind_gust": "mph",
    "precip": "in",
    "pressure": "hPa",
    "visib": "mi",
}
RANGES = {
    "month": (1, 12),
    "day_of_week": (1, 7),
    "hour": (0, 23),
    "minute": (0, 59),
    "distance": (1, 12500),
    "temp": (-80, 140),
    "dewp": (-100, 100),
    "humid": (0, 100),
    "wind_dir": (0, 360),
    "wind_speed": (0, 200),
    "wind_gust": (0, 200),
    "precip": (0, 20),
    "pressure": (850, 1100),
    "visib": (0, 100),
}


def _input(name: str, categories: dict[str, list[str]], example: Any) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name}
    if name in CATEGORIES:
        field |= {"type": "category", "categories": categories[name]}
    else:
        minimum, maximum = RANGES[name]
        field |= {"type": "int32" if name in WHOLE else "float32", "minimum": minimum, "maximum": maximum}
    if name == "dest":
        field["unknown"] = "native"
    # Trees would take anything as missing, but only an observation of the weather really may be, as in training.
    field["nullable"] = name in WEATHER
    if name in WEATHER:
        field["required"] = False
    if name in UNITS:
        field["unit"] = UNITS[name]
    return field | {"description": DESCRIPTIONS[name], "example": example}


def signature(categories: dict[str, list[str]], flights: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """The sidecar's JSON. The examples together are one real flight: the first of `flights` with all its weather."""
    example = instances(flights.dropna(subset=list(FEATURES)).head(1))[0]
    return {
        "inputs": [_input(name, categories, example[name]) for name in FEATURES],
        "outputs": [
            {
                "name": "probability",
                "type": "float32",
                "description": "Probability that the flight arrives 15 minutes late or more",
            },
            {
                "name": "label",
                "type": "category",
                "categories": ["on_time", "late"],
                "threshold": threshold,
                "description": "late where the probability reaches the threshold",
            },
        ],
    }
