"""``python -m benchmarks.long_inputs`` measures how the time of hostile inputs grows with their length.

Each input is what a reader might go through again and again: bad rows, names to look up, a number of many digits. Where
the length doubles, the time should double; about four times as long would mean that it grows with the square.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import fasttrees
from fasttrees._textio.csv import RowParser
from fasttrees.errors import CsvError

MODEL = Path(__file__).parents[1] / "examples" / "flights" / "model.txt"
ROUNDS = 5
LENGTHS = [1, 2, 4]
UNIT = 250_000


def bad_rows(n: int) -> Callable[[], object]:
    body, errors = b"1,2,x,4\n" * n, list[CsvError]()
    return lambda: RowParser(range(4)).parse(body, 1, errors)


def model_with(old: bytes, new: bytes) -> Callable[[], object]:
    text = MODEL.read_bytes().replace(old, new, 1)

    def load() -> None:
        with suppress(fasttrees.ModelFormatError):
            fasttrees.loads(text)

    return load


INPUTS: dict[str, Callable[[int], Callable[[], object]]] = {
    "bad rows of CSV": bad_rows,
    "blank lines in a model": lambda n: model_with(b"tree\n", b"tree\n" + b"\n" * 16 * n),
    "digits of a number": lambda n: model_with(b"sigmoid:1", b"sigmoid:1" + b"9" * 16 * n),
    "digits of an exponent": lambda n: model_with(b"sigmoid:1", b"sigmoid:1e" + b"9" * 16 * n),
}


def seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of a few runs."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def main() -> None:
    print(f"{'input':28} {'s':>8}  times as long for {', '.join(f'{n} x' for n in LENGTHS[1:])} the length")
    for title, make in INPUTS.items():
        found = [seconds(make(n * UNIT)) for n in LENGTHS]
        print(f"{title:28} {found[0]:8.4f}  {', '.join(f'{value / found[0]:.1f}' for value in found[1:])}")


if __name__ == "__main__":
    main()
