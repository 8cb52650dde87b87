"""The manifest: what a shard was made from, and its parts in their order."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from fasttrees.sharding._errors import ShardError

__all__ = ["MANIFEST", "PARTS", "Manifest", "Options", "Part", "Source"]

MANIFEST = "manifest.json"
PARTS = "parts/"  # a folder of their own: a job takes all that lies below its prefix, so no manifest may
VERSION = 1


@dataclass(frozen=True)
class Source:
    """The table.

    Attributes
    ----------
    name : str
        Path of the file as it was given; ``-`` for standard input.
    size : int or None
        Bytes of the file; None where nobody knows.
    """

    name: str
    size: int | None


@dataclass(frozen=True)
class Options:
    """How a table is cut.

    Attributes
    ----------
    target_size : int
        About how many bytes a part shall have, before it is packed.
    header : bool
        Whether the first line of text holds names.
    columns : tuple of str
        Names or numbers, from 0, of the columns to keep, in the order wanted; empty: all.
    label_column : str or None
        Name or number, from 0, of the column to leave out.
    delimiter : str or None
        Of the text that is read; None: tab if the first line has one, else a comma. Parts have commas.
    gzip : bool
        Whether the parts are packed.
    """

    target_size: int
    header: bool = False
    columns: tuple[str, ...] = ()
    label_column: str | None = None
    delimiter: str | None = None
    gzip: bool = False


@dataclass(frozen=True)
class Part:
    """An object.

    Attributes
    ----------
    name : str
        Below ``parts/``.
    first_row : int
        Number of its first row in the table, from 1; a header is not counted.
    rows, bytes : int
        How many it has; bytes as it is stored.
    sha256 : str
        Of these bytes, in hexadecimal digits.
    """

    name: str
    first_row: int
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``.

    Attributes
    ----------
    source : Source
    options : Options
    parts : list of Part
        In the order of the rows.
    complete : bool
        Whether all parts are there.
    """

    source: Source
    options: Options
    parts: list[Part] = field(default_factory=list)
    complete: bool = False

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes of all parts, as they are stored."""
        return sum(part.bytes for part in self.parts)

    def to_json(self) -> str:
        """Write it as text, a part a line."""
        head = {
            "version": VERSION,
            "complete": self.complete,
            "source": asdict(self.source),
            "options": asdict(self.options),
            "rows": self.rows,
            "bytes": self.bytes,
        }
        lines = ",\n".join(f"  {json.dumps(asdict(part))}" for part in self.parts)
        return f'{json.dumps(head, indent=1)[:-2]},\n "parts": [\n{lines}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str, place: str) -> Manifest:
        """Read it.

        Raises
        ------
        ShardError
            If it is no manifest, of another version, or was changed by hand so that it does not add up; with `place`.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            if content["version"] != VERSION:
                raise ShardError(f"{place}: expected version {VERSION}, got {content['version']!r}")
            options = {**content["options"], "columns": tuple(content["options"]["columns"])}
            manifest = cls(
                Source(**content["source"]),
                Options(**options),
                [Part(**part) for part in content["parts"]],
                content["complete"],
            )
            totals = content["rows"], content["bytes"]
        except (ValueError, TypeError, KeyError) as error:
            raise ShardError(f"{place}: expected a manifest that `fasttrees shard` has written: {error!r}") from error
        first_row = 1
        for part in manifest.parts:
            if part.first_row != first_row:
                raise ShardError(f"{place}: {part.name}: expected first_row {first_row}, got {part.first_row}")
            first_row += part.rows
        if totals != (manifest.rows, manifest.bytes):
            raise ShardError(
                f"{place}: expected the sums of the parts, {manifest.rows} rows and {manifest.bytes} bytes, "
                f"got {totals[0]} and {totals[1]}"
            )
        return manifest
