"""Types of the compiled module."""

from collections.abc import Sequence

from typing_extensions import Buffer

def format_rows(values: Buffer, n_rows: int, delimiter: str = ",") -> bytes: ...
def format_records(
    fields: Sequence[Buffer], texts: Sequence[bytes], n_rows: int, separator: bytes, json: bool = False
) -> bytes: ...
