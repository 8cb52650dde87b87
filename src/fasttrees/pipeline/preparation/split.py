"""Which rows train, which stop the training early, and which test."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np

from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.preparation.cells import Kind, ordered_keys, to_text
from fasttrees.pipeline.preparation.raw_table import Block

__all__ = ["SIDES", "TEST", "TRAIN", "VALIDATION", "ByGroup", "ByRow", "ByTime", "Split", "Stratified", "uniform"]

TRAIN, VALIDATION, TEST = range(3)
SIDES = ("train", "validation", "test")
RUN = 1000  # rows of a class that get their share together


class Split(Protocol):
    """Tells the side of each row; it is asked block by block, in the table's order, and made anew for each reading."""

    def sides(self, block: Block, target: np.ndarray) -> np.ndarray:
        """Return TRAIN, VALIDATION or TEST for each row, given the target as it is written."""


def uniform(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Hash integers to [0, 1): the numbers that SplitMix64 (Steele, Lea and Flood, 2014) makes at these places.

    Parameters
    ----------
    numbers : ndarray of uint64
    seed : int

    Returns
    -------
    ndarray of float64
    """
    start = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little")
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return ((z ^ z >> np.uint64(31)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _sides_of(position: np.ndarray, settings: PrepareSettings) -> np.ndarray:
    """Cut [0, 1): the test comes first, then the validation."""
    both = settings.test_fraction + settings.validation_fraction
    return np.where(position < settings.test_fraction, TEST, np.where(position < both, VALIDATION, TRAIN))


class ByRow:
    """Each row by a hash of its number."""

    def __init__(self, settings: PrepareSettings) -> None:
        self.settings = settings

    def sides(self, block: Block, target: np.ndarray) -> np.ndarray:
        """See Split."""
        rows = np.arange(block.start, block.start + block.n_rows, dtype=np.uint64)
        return _sides_of(uniform(rows, self.settings.seed), self.settings)


class ByGroup:
    """All rows of a group by a hash of its name."""

    def __init__(self, settings: PrepareSettings) -> None:
        self.settings = settings

    def sides(self, block: Block, target: np.ndarray) -> np.ndarray:
        """See Split."""
        groups = to_text(block.columns[self.settings.split_column]).dictionary_encode()
        hashes = [
            hashlib.blake2b(f"{self.settings.seed}:{name}".encode(), digest_size=8).digest()
            for name in groups.dictionary.to_pylist()
        ]
        position = np.frombuffer(b"".join(hashes), "<u8") * 2.0**-64
        return _sides_of(position[groups.indices.to_numpy()], self.settings)


class ByTime:
    """Each row by its time: the last rows test, those before them validate; equal times stay together.

    Parameters
    ----------
    settings : PrepareSettings
    kind : Kind
        Of the split column.
    validation_from, test_from : int
        Least keys of the two; see :func:`fasttrees.pipeline.preparation.cells.ordered_keys`.
    """

    def __init__(self, settings: PrepareSettings, kind: Kind, validation_from: int, test_from: int) -> None:
        self.column = settings.split_column
        self.kind = kind
        self.cuts = np.array([validation_from, test_from], np.uint64)

    def sides(self, block: Block, target: np.ndarray) -> np.ndarray:
        """See Split."""
        keys = ordered_keys(block.columns[self.column], self.kind)
        return np.searchsorted(self.cuts, keys, side="right")


class Stratified:
    """Of each class the same share, exact to a row.

    Parameters
    ----------
    settings : PrepareSettings
    counts : dict of float to int
        Rows of each class, by the target as it is written.
    """

    def __init__(self, settings: PrepareSettings, counts: dict[float, int]) -> None:
        self.draws = {}
        for code, n in sorted(counts.items()):
            n_test = round(n * settings.test_fraction)
            n_validation = min(round(n * settings.validation_fraction), n - n_test)
            self.draws[code] = (
                _Draw(n, n_test, f"{settings.seed}:{code!r}:test"),
                _Draw(n - n_test, n_validation, f"{settings.seed}:{code!r}:validation"),
            )

    def sides(self, block: Block, target: np.ndarray) -> np.ndarray:
        """See Split."""
        sides = np.full(block.n_rows, TRAIN)
        for code in np.unique(target).tolist():
            test, validation = self.draws[code]
            rows = np.flatnonzero(target == code)
            in_test = test.take(len(rows))
            sides[rows[in_test]] = TEST
            rest = rows[~in_test]
            sides[rest[validation.take(len(rest))]] = VALIDATION
        return sides


class _Draw:
    """Chooses `chosen` of `n` rows that come one after the other: in each run of RUN rows their share, by lot."""

    def __init__(self, n: int, chosen: int, seed: str) -> None:
        self.n = n
        self.chosen = chosen
        self.seed = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "little")
        self.at = 0

    def take(self, count: int) -> np.ndarray:
        """Return which of the next rows are chosen."""
        stop = self.at + count
        runs = [self._run(start) for start in range(self.at // RUN * RUN, stop, RUN)]
        begin = self.at % RUN
        self.at = stop
        return np.concatenate([*runs, np.zeros(0, bool)])[begin : begin + count]

    def _run(self, start: int) -> np.ndarray:
        stop = min(start + RUN, self.n)
        share = stop * self.chosen // self.n - start * self.chosen // self.n
        lots = uniform(np.arange(start, stop, dtype=np.uint64), self.seed)
        chosen = np.zeros(stop - start, bool)
        chosen[np.argsort(lots, kind="stable")[:share]] = True
        return chosen
