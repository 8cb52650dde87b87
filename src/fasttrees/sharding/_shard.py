"""Cut a table into parts."""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from fasttrees._runtime.digest import sha256_of
from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._runtime.progress import SILENT, Progress
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees.sharding._errors import ShardError
from fasttrees.sharding._manifest import MANIFEST, PARTS, Manifest, Options, Part, Source
from fasttrees.sharding._parts import Written, find_ends, write_parts
from fasttrees.sharding._stores import Store, open_store
from fasttrees.sharding._tables import open_table

__all__ = ["Sharded", "read_manifest", "shard"]

PART_NAME = re.compile(r"part-\d{5,}\.csv(\.gz)?")
MAX_SHOWN = 5


@dataclass(frozen=True)
class Sharded:
    """What a shard has made.

    Attributes
    ----------
    manifest : Manifest
    n_kept : int
        How many parts were there before with the same bytes.
    uri : str
        What a job is told: the prefix or folder of the parts.
    """

    manifest: Manifest
    n_kept: int
    uri: str


def shard(
    source: str,
    destination: str,
    options: Options,
    progress: Progress = SILENT,
    confirm: Callable[[str], bool] = lambda question: False,
    n_threads: int | None = None,
) -> Sharded:
    """Cut a table into parts of about the same size, and write a manifest when all are there.

    A shard that was interrupted goes on: the table is read again, and parts that are there with the same bytes are
    kept.

    Parameters
    ----------
    source : str
        CSV or TSV, plain or gzip; ``-``: standard input; or a file of Parquet.
    destination : str
        A folder, or ``s3://bucket/prefix``: parts go to ``parts/`` in it.
    options : Options
    progress : Progress
    confirm : callable
        Asked, with a question, whether the parts of another table may be replaced.
    n_threads : int or None
        None: the CPUs that this process may use.

    Raises
    ------
    InputError
        If the table or an option does not fit; the parts put so far stay, without a complete manifest.
    ShardError
        If the destination has something else.
    """
    store = open_store(destination)
    with open_table(source, options) as table:
        manifest = Manifest(Source(source, table.size), options)
        before = _prepare(store, manifest, confirm)
        parts: list[Part] = []
        n_kept = 0
        with store.scratch() as scratch:
            _put_manifest(store, manifest, scratch)

            def put(written: Written) -> tuple[Part, bool]:
                path = _packed(written.path) if options.gzip else written.path
                name = f"part-{written.number:05}.csv{'.gz' if options.gzip else ''}"
                size, sha256 = path.stat().st_size, sha256_of(path)
                is_new = store.put(path, PARTS + name, sha256)
                return Part(name, written.first_row, written.n_rows, size, sha256), is_new

            ends = find_ends(table, options.target_size)
            with (
                closing(table.blocks(resolve_n_threads(n_threads))) as blocks,
                closing(write_parts(blocks, ends, scratch)) as files,
                closing(map_in_order(put, files, store.n_puts)) as results,
            ):
                for part, is_new in results:
                    parts.append(part)
                    n_kept += not is_new
                    progress.advance("shard", table.n_bytes, table.size, "B", part.first_row + part.rows - 1)
            for name in sorted(before - {part.name for part in parts}):
                store.remove(PARTS + name)
            manifest = replace(manifest, parts=parts, complete=True)
            _put_manifest(store, manifest, scratch)
    return Sharded(manifest, n_kept, f"{store.place}/{PARTS}")


def read_manifest(store: Store, scratch: Path) -> Manifest | None:
    """Read a store's manifest; None: it has none."""
    if not store.has(MANIFEST):
        return None
    text = store.fetch(MANIFEST, scratch).read_text(encoding="utf-8")
    return Manifest.from_json(text, f"{store.place}/{MANIFEST}")


def _prepare(store: Store, manifest: Manifest, confirm: Callable[[str], bool]) -> set[str]:
    """Make sure that nothing else is lost or scored with the parts; return the names of the parts that are there."""
    names = store.names(PARTS)
    foreign = sorted(name for name in names if not PART_NAME.fullmatch(name))
    if foreign:
        shown = ", ".join(foreign[:MAX_SHOWN]) + (", ..." if len(foreign) > MAX_SHOWN else "")
        raise ShardError(
            f"{store.place}/{PARTS}: has {len(foreign)} objects that are no parts ({shown}), which a job would take, "
            "too; choose another destination, or remove them"
        )
    with tempfile.TemporaryDirectory(prefix="fasttrees-") as scratch:
        found = read_manifest(store, Path(scratch))
    if found is None:
        is_same = not names
    else:
        is_same = (found.source, found.options) == (manifest.source, manifest.options)
        if not names and not found.complete:  # a first run that ended before its first part, for want of an option
            is_same = True
        if found.complete and found.source.size is None:  # the same name may be another stream
            is_same = False
    if not is_same:
        made_of = f"of {found.source.name} with {found.rows} rows" if found else "without a manifest"
        if not confirm(f"{store.place}: has {len(names)} parts {made_of}; replace them?"):
            raise ShardError(
                f"{store.place}: has {len(names)} parts {made_of}, not of this table with these options; "
                "choose another destination, or replace them by --yes"
            )
    return names


def _put_manifest(store: Store, manifest: Manifest, scratch: Path) -> None:
    path = scratch / MANIFEST
    path.write_text(manifest.to_json(), encoding="utf-8")
    store.put(path, MANIFEST, sha256_of(path))


def _packed(path: Path) -> Path:
    """Pack a file; the same bytes always become the same."""
    target = path.with_name(f"{path.name}.gz")
    with (
        path.open("rb") as source,
        target.open("xb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as file,
    ):
        shutil.copyfileobj(source, file, 1 << 20)
    path.unlink()
    return target
