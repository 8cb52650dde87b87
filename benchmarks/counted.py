"""Calls one kernel of fasttrees a number of times: what ``benchmarks.instructions`` runs under callgrind.

``python -m benchmarks.counted batch|one-row|load CALLS MODEL ROWS N_ROWS``
"""

from __future__ import annotations

import sys

import numpy as np

import fasttrees


def main() -> None:
    kernel, calls, path, rows_path, n_rows = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
    model = fasttrees.load(path)
    rows = np.array(np.load(rows_path, mmap_mode="r")[:n_rows])
    # The first call also makes the plan; it is in every run, so that the difference of two runs is without it.
    model.predict(rows, n_threads=1)
    model.predict(rows[:1], n_threads=1)
    for _ in range(calls):
        if kernel == "load":
            fasttrees.load(path)
        elif kernel == "one-row":
            for i in range(n_rows):
                model.predict(rows[i : i + 1], n_threads=1)
        else:
            model.predict(rows, n_threads=1)


if __name__ == "__main__":
    main()
