"""The rows as the files and requests that are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fasttrees._sagemaker.contract import MEGABYTE
from fasttrees.comparison.errors import ComparisonError

__all__ = ["LARGE_MB", "Bodies", "make_bodies"]

PAYLOAD_MB = 6  # what Batch Transform puts into a request, if nothing else is said
LARGE_MB = 100  # the most that it can be told to
MAX_ROW_BYTES = 64 * MEGABYTE  # of the user's rows: more would only take longer
BODIES_PER_CORE = 6  # so that the last ones, when some cores have none left, count little
QUICK_BODIES, QUICK_LARGE_MB = 1, 10
SINGLE_ROWS = 256  # that are sent one by one


@dataclass(frozen=True)
class Bodies:
    """What is sent to both servers.

    Attributes
    ----------
    bulk : Path
        The rows, repeated until each core has several bodies.
    large : Path
        The rows, cut or repeated to the largest body.
    singles : list of bytes
        Rows that are sent one by one.
    n_rows, row_bytes : int
        Of the user's rows that take part.
    n_bulk_rows : int
    payload_mb : int
    """

    bulk: Path
    large: Path
    singles: list[bytes]
    n_rows: int
    row_bytes: int
    n_bulk_rows: int
    payload_mb: int


def make_bodies(rows: Path, folder: Path, cores: int, quick: bool) -> Bodies:
    """Write the files that are sent.

    Parameters
    ----------
    rows : Path
        CSV without a header, as Batch Transform takes it.
    folder : Path
    cores : int
    quick : bool
        Smaller files.
    """
    with rows.open("rb") as file:
        text = file.read(MAX_ROW_BYTES + 1)
    if len(text) > MAX_ROW_BYTES:
        text = text[: text.rfind(b"\n", 0, MAX_ROW_BYTES) + 1]
    if not text.strip():
        raise ComparisonError(f"{rows}: expected rows as CSV, got {'a line over 64 MB' if text else 'an empty file'}")
    if not text.endswith(b"\n"):
        text += b"\n"
    payload_mb = max(1, min(PAYLOAD_MB, LARGE_MB // cores))  # 100 MB may be on their way
    target = cores * (QUICK_BODIES if quick else BODIES_PER_CORE) * payload_mb * MEGABYTE
    copies = max(1, round(target / len(text)))
    n_rows = text.count(b"\n")
    bulk, large = folder / "bulk.csv", folder / "large.csv"
    bulk.write_bytes(text * copies)
    limit = (QUICK_LARGE_MB if quick else LARGE_MB) * MEGABYTE
    largest = text * (limit // len(text) + 1)
    large.write_bytes(largest[: largest.rfind(b"\n", 0, limit) + 1])
    singles = [line + b"\n" for line in text.split(b"\n", SINGLE_ROWS)[:SINGLE_ROWS] if line]
    return Bodies(bulk, large, singles, n_rows, len(text), n_rows * copies, payload_mb)
