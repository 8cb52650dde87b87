"""``fasttrees gather``: the answers of a job on parts as one file."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from fasttrees.cli._progress import TerminalProgress

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add ``gather`` to the commands."""
    parser = commands.add_parser(
        "gather",
        help="check and join what a Batch Transform made of the objects of shard",
        description="Check that each part of a shard has its answer, of as many rows, and join them in their order.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("destination", metavar="DEST", help="what `fasttrees shard` was told, or the path of its manifest.json")
    add("outputs", metavar="OUTPUTS", help="folder or s3://bucket/prefix with the job's .out files")
    add("-o", "--output", default="-", metavar="OUT", help="file to write, whole or not at all; -: standard output")
    add("--join-input", action="store_true", help="put the columns of the parts before the answers")
    add("--quiet", action="store_true", help="no progress line and no summary")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Gather the answers."""
    from fasttrees.sharding import gather  # the other commands need none of it

    with TerminalProgress(args.quiet) as progress:
        result = gather(args.destination, args.outputs, args.output, args.join_input, progress, _fail)
    if not args.quiet:
        print(f"{result.n_parts:,} parts, {result.n_rows:,} rows", file=sys.stderr)


def _fail(problem: str) -> None:
    over_the_bar = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{over_the_bar}fasttrees: error: {problem}", file=sys.stderr)
