"""Compares what ``fasttrees predict`` or ``transform`` wrote for rows.csv with LightGBM's predictions, bit for bit.

``python check.py PREDICTIONS RAW_SCORES`` takes the files of probabilities and of raw scores. It exits with status 1 if
any number differs. README.md says why probabilities alone may differ from the recorded ones, and what is compared then.
Needs the standard library only.
"""

from __future__ import annotations

import argparse
import math
import struct
import sys
from pathlib import Path

HERE = Path(__file__).parent
BAR_WIDTH = 50


def read_numbers(path: Path) -> list[float]:
    """Read one number a line."""
    numbers = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            numbers.append(float(line))
        except ValueError:
            raise SystemExit(f"{path}, line {number}: expected a number, got {line!r}") from None
    return numbers


def bits(value: float) -> bytes:
    """Return the eight bytes of a double: unlike ``==`` they tell 0.0 from -0.0, and NaN equals itself."""
    return struct.pack(">d", value)


def compare(what: str, source: str, expected: list[float], got: list[float]) -> bool:
    """Print how many numbers have equal bits and where the first two differ; return whether all are equal."""
    if len(expected) != len(got):
        raise SystemExit(f"{what}: expected {len(expected):,} rows, got {len(got):,}")
    differing = [row for row, pair in enumerate(zip(expected, got, strict=True)) if bits(pair[0]) != bits(pair[1])]
    equal = len(expected) - len(differing)
    verdict = "DIFFERENT" if differing else "equal"
    print(f"{what + ':':15}{verdict}: {len(expected):,} rows compared with {source}, {equal:,} equal bit for bit")
    if differing:
        row = differing[0]
        print(f"  first difference in row {row + 1}:")
        for name, value in ((source, expected[row]), ("fasttrees", got[row])):
            print(f"    {value!r:24} {bits(value).hex()}  {name}")
    return not differing


def check(predictions: list[float], raw_scores: list[float]) -> bool:
    """Compare both outputs with LightGBM's; return whether all is well."""
    recorded_scores = read_numbers(HERE / "raw_scores.csv")
    scores_equal = compare("raw scores", "LightGBM", recorded_scores, raw_scores)
    if compare("probabilities", "LightGBM", read_numbers(HERE / "predictions.csv"), predictions):
        return scores_equal
    if not scores_equal:
        return False
    print(
        "All raw scores are equal and only probabilities differ. LightGBM turns a raw score into a probability with\n"
        "the C library's exp, whose last bit depends on the processor (with or without fused multiply-add) and on\n"
        "the library. So they are compared with 1 / (1 + exp(-raw score)) of LightGBM's recorded raw scores and this\n"
        "machine's exp: what LightGBM would predict here."
    )
    here = [1.0 / (1.0 + math.exp(-score)) for score in recorded_scores]
    return compare("probabilities", "LightGBM's raw scores and this machine's exp", here, predictions)


def draw(probabilities: list[float]) -> None:
    """Print a histogram of probabilities."""
    counts = [0] * 10
    for probability in probabilities:
        counts[min(int(probability * 10), 9)] += 1
    print("\nProbability to arrive more than 15 minutes late, flights:")
    for tenth, count in enumerate(counts):
        bar = "#" * math.ceil(BAR_WIDTH * count / max(counts))
        print(f"  {tenth / 10:.1f} - {(tenth + 1) / 10:.1f} {count:6,} {bar}")


def main() -> None:
    """Check the two files named on the command line."""
    parser = argparse.ArgumentParser(description="Compare fasttrees' output for rows.csv with LightGBM's, bit for bit.")
    parser.add_argument("predictions", type=Path, metavar="PREDICTIONS")
    parser.add_argument("raw_scores", type=Path, metavar="RAW_SCORES", help="the output with --raw-score")
    arguments = parser.parse_args()
    predictions = read_numbers(arguments.predictions)
    good = check(predictions, read_numbers(arguments.raw_scores))
    if good:
        draw(predictions)
    sys.exit(not good)


if __name__ == "__main__":
    main()
