"""``fasttrees shard``: a large table as many objects of about the same size."""

from __future__ import annotations

import argparse
import json
import math
import re
from typing import Any

from fasttrees.cli._asking import ask
from fasttrees.cli._progress import TerminalProgress
from fasttrees.cli.predict import read_delimiter, read_n_threads

__all__ = ["add_command"]

SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def add_command(commands: Any) -> None:
    """Add ``shard`` to the commands."""
    parser = commands.add_parser(
        "shard",
        help="cut a table into objects for Batch Transform on many instances",
        description="Cut a table into headerless CSV objects of about the same size, with a manifest.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("input", metavar="INPUT", help="CSV or TSV file, plain or gzip, or Parquet; - is standard input (text)")
    add("destination", metavar="DEST", help="folder or s3://bucket/prefix; objects go to DEST/parts/")
    add("--target-size", type=_size, default="64MB", metavar="SIZE", help="about, of an object (default 64MB)")
    add(
        "--delimiter",
        type=read_delimiter,
        metavar="CHAR",
        help="of INPUT: , ; | or tab; none: tab if the first line has one",
    )
    add("--header", action="store_true", help="the first line of INPUT holds names")
    add("--columns", type=_names, default=(), metavar="A,B,...", help="columns to keep: numbers from 0, or names")
    add("--label-column", metavar="N_OR_NAME", help="column to leave out: its number from 0, or its name")
    add("--compress", choices=["gzip"], help="pack the objects; the job then needs CompressionType Gzip")
    add("--threads", type=read_n_threads, metavar="N", help="default: the CPUs that this process may use")
    add("--yes", action="store_true", help="replace the parts of another table without a question")
    add("--json", action="store_true", help="print the result as a JSON object")
    add("--quiet", action="store_true", help="no progress line and no summary")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Cut the table."""
    from fasttrees.sharding import Options, shard  # the other commands need none of it

    options = Options(
        target_size=args.target_size,
        header=args.header,
        columns=args.columns,
        label_column=args.label_column,
        delimiter=args.delimiter,
        gzip=args.compress == "gzip",
    )
    confirm = (lambda question: True) if args.yes else ask
    with TerminalProgress(args.quiet) as progress:
        result = shard(args.input, args.destination, options, progress, confirm, args.threads)
    manifest = result.manifest
    if args.json:
        summary = {"parts": len(manifest.parts), "rows": manifest.rows, "bytes": manifest.bytes, "kept": result.n_kept}
        print(json.dumps(summary | {"uri": result.uri}), flush=True)
    elif not args.quiet:
        kept = f", {result.n_kept:,} of them there before" if result.n_kept else ""
        print(f"{result.uri}: {len(manifest.parts):,} parts{kept}: {manifest.rows:,} rows, {manifest.bytes:,} bytes")


def _size(text: str) -> int:
    found = SIZE.fullmatch(text)
    if found and (size := math.floor(float(found[1]) * UNITS[found[2] or "B"])) >= 1:
        return size
    raise argparse.ArgumentTypeError(f"expected a size such as 64MB or 16MiB, got {text!r}")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names or numbers between commas, got {text!r}")
    return names
