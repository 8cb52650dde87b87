"""Data frames and Arrow tables: time and memory of ``predict`` beside LightGBM's, given the same objects.

    python -m benchmarks.dropin.columns MODEL.txt ROWS.npy --json columns.json

For each kind of object: milliseconds of both on one thread (medians of calls that alternate), their ratio, and the peak
of memory above what was there before the call, as a share of the object's own size.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import fasttrees
from benchmarks.machine import describe_system

Score = Callable[[Any], Any]
TYPES = ["float64", "float32", "int64", "int16", "bool"]


def kinds_of(rows: np.ndarray) -> dict[str, tuple[Any, int]]:
    """Each kind of object, and its size in bytes."""
    columns = {f"Column_{number}": np.ascontiguousarray(rows[:, number]) for number in range(rows.shape[1])}
    several = {
        name: np.nan_to_num(values).astype(TYPES[number % len(TYPES)])
        for number, (name, values) in enumerate(columns.items())
    }
    nullable = pd.DataFrame(columns).astype("Float64")
    missing = np.random.default_rng(0).random(len(rows)) < 0.1
    nulls = pa.table({name: pa.array(values, mask=missing) for name, values in columns.items()})
    table = pa.table(columns)
    chunks = pa.concat_tables([table.slice(start, 10_000) for start in range(0, len(rows), 10_000)])
    plain = rows.nbytes
    mixed = sum(values.nbytes for values in several.values())
    return {
        "numpy, rows together": (rows, plain),
        "numpy, columns together": (np.asfortranarray(rows), plain),
        "pandas, rows together": (pd.DataFrame(rows), plain),
        "pandas, columns together": (pd.DataFrame(columns), plain),
        "pandas, several types": (pd.DataFrame(several), mixed),
        "pandas, nullable": (nullable.mask(np.repeat(missing[:, None], rows.shape[1], axis=1)), plain),
        "polars": (pl.DataFrame(columns), plain),
        "pyarrow": (table, plain),
        "pyarrow, 10% null": (nulls, plain),
        "pyarrow, chunks of 10,000": (chunks, plain),
        "pyarrow, several types": (pa.table(several), mixed),
        "pyarrow, RecordBatch": (table.to_batches()[0], plain),
    }


def peak_of(score: Score, data: Any) -> int | None:
    """Bytes that a call needs at its peak beside those before it, its result included; in a process of its own."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        with suppress(TypeError):  # kinds that LightGBM refuses
            score(data[:5000])
            ctypes.CDLL(None).malloc_trim(0)  # freed memory of before would hide what the call needs
            Path("/proc/self/clear_refs").write_text("5")
            before = status("VmRSS")
            score(data)
            os.write(sender, str(status("VmHWM") - before).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return int(answer) if answer else None


def status(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def time_both(ours: Score, theirs: Score, data: Any, n_turns: int) -> tuple[float, float | None]:
    """Milliseconds of both; None if LightGBM refuses the kind."""
    taken: dict[Score, list[float]] = {ours: [], theirs: []}
    for _ in range(n_turns):
        for score, seconds in taken.items():
            begin = time.perf_counter()
            with suppress(TypeError):
                score(data)
                seconds.append(time.perf_counter() - begin)
    medians = [1000 * statistics.median(seconds) if seconds else None for seconds in taken.values()]
    assert medians[0] is not None
    return medians[0], medians[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path, help="float64 of two dimensions, as numpy.save writes it")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--turns", type=int, default=7)
    arguments = parser.parse_args()
    model, booster = fasttrees.load(arguments.model), lightgbm.Booster(model_file=arguments.model)
    kinds = kinds_of(np.load(arguments.rows))

    def ours(data: Any) -> Any:
        return model.predict(data, n_threads=1)

    def theirs(data: Any) -> Any:
        return booster.predict(data, num_threads=1)

    # Memory first: a process whose LightGBM has started threads does not fork well.
    peaks = {kind: [peak_of(score, data) for score in (ours, theirs)] for kind, (data, _) in kinds.items()}
    found = {}
    print(describe_system())
    print(f"{'kind':28}{'ours, ms':>10}{'LightGBM':>10}{'ratio':>8}{'peak/size':>11}{'LightGBM':>10}")
    for kind, (data, size) in kinds.items():
        times = time_both(ours, theirs, data, arguments.turns)
        shares = [None if peak is None else peak / size for peak in peaks[kind]]
        found[kind] = {"milliseconds": times, "peak / size": shares, "bytes": size}
        ratio = None if times[1] is None else times[1] / times[0]
        cells = zip([*times, ratio, *shares], [10, 10, 8, 11, 10], [1, 1, 1, 2, 2], strict=True)
        print(f"{kind:28}" + "".join("-".rjust(w) if v is None else f"{v:{w}.{d}f}" for v, w, d in cells), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"system": describe_system(), "kinds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
