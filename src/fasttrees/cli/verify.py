"""``fasttrees verify``: predictions beside those of the training environment."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fasttrees._runtime.atomic_file import replacing
from fasttrees.cli._progress import TerminalProgress
from fasttrees.cli.predict import read_delimiter
from fasttrees.errors import FastTreesError, InputError

if TYPE_CHECKING:
    from fasttrees.verification import Verification

__all__ = ["VerificationFailed", "add_command"]

MAX_TOP = 1000


class VerificationFailed(FastTreesError):  # noqa: N818  (it is the predictions that failed)
    """Predictions differ from the reference."""


def add_command(commands: Any) -> None:
    """Add ``verify`` to the commands."""
    parser = commands.add_parser(
        "verify",
        help="compare predictions with those of the training environment",
        description="Predict for the same rows as the training environment did, with the library, a server or a "
        "container, and compare. The status is 0 only if all rows pass: so it can gate a release.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="model.txt that LightGBM wrote, or a compact file")
    add("rows", metavar="ROWS", help="CSV or TSV, plain or gzip, .npy or .parquet")
    add(
        "--reference",
        metavar="FILE",
        help="reference predictions: a row a line, or .npy (default: lightgbm makes them)",
    )
    add("--reference-header", action="store_true", help="the first line of that file holds names")
    add(
        "--reference-model",
        metavar="FILE",
        help="the training environment's own model.txt, to compare trees with (default: MODEL)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="verify a running server, http://HOST:PORT")
    where.add_argument("--image", help="verify a container image, started with MODEL")
    where.add_argument("--server", action="store_true", help="verify this package's own server, started with MODEL")
    add("--network", help="network of the container, such as host (default: Docker's own; the port is published)")
    add("--delimiter", type=read_delimiter, metavar="CHAR", help="of ROWS, as for predict")
    add("--header", action="store_true", help="the first line of ROWS holds names; features are found by them")
    add("--label-column", metavar="N_OR_NAME", help="column of ROWS to leave out: its number from 0, or its name")
    add("--raw-score", action="store_true", help="compare raw scores")
    add(
        "--tolerance",
        type=_tolerance,
        default=1e-5,
        metavar="T",
        help="largest absolute difference that passes (default 1e-5; 0: none)",
    )
    add(
        "--top", type=_count, default=10, metavar="N", help="how many of the rows that differ most to show (default 10)"
    )
    add(
        "--explain",
        action="store_true",
        help="look for causes: rows moved, columns swapped, numbers rounded, a leaf changed",
    )
    add("--output", metavar="DIR", help="write report.html, verify.json and verify.txt there")
    add("--json", action="store_true", help="print the result as a JSON object")
    add("--quiet", action="store_true", help="no progress line and no report on standard output")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Verify; raise if not all rows pass."""
    if args.network is not None and not args.image:
        args.usage_error("--network needs --image")
    if args.reference_header and not args.reference:
        args.usage_error("--reference-header needs --reference")
    if args.rows == "-":
        args.usage_error("ROWS: expected a file; rows are read more than once")
    # Imported here because no other command needs them.
    from fasttrees.verification import RowFormat, Target, as_text, verify

    if args.output is not None:
        _prepare(args.output)
    with TerminalProgress(args.quiet, "fasttrees: note: ") as progress:
        result = verify(
            args.model,
            args.rows,
            reference=args.reference,
            reference_header=args.reference_header,
            reference_model=args.reference_model,
            target=Target(args.url, args.image, args.network, args.server),
            form=RowFormat(args.delimiter, args.header, args.label_column),
            raw_score=args.raw_score,
            tolerance=args.tolerance,
            top=args.top,
            explain=args.explain,
            progress=progress,
        )
    text = as_text(result)
    if args.output is not None:
        _write(args.output, result, text)
    if args.json:
        print(_as_json(result), flush=True)
    elif not args.quiet:
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    if not result.passed:
        raise VerificationFailed(f"verification failed: {result.verdict}")


def _prepare(folder: str) -> None:
    """Check before the work that the report can be written."""
    try:
        import fasttrees._reports.page
        import fasttrees._reports.plots  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"--output: {error}: install fasttrees-lightgbm[verify]") from error
    os.makedirs(folder, exist_ok=True)


def _write(folder: str, result: Verification, text: str) -> None:
    from fasttrees.verification.page import make_page

    make_page(result).write(os.path.join(folder, "report.html"))
    for name, content in (("verify.json", _as_json(result)), ("verify.txt", text)):
        with replacing(os.path.join(folder, name)) as file:
            file.write(f"{content}\n".encode("utf-8", "backslashreplace"))


def _as_json(result: Verification) -> str:
    return json.dumps(result.as_dict(), indent=2, allow_nan=False)


def _tolerance(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")


def _count(text: str) -> int:
    with suppress(ValueError):
        if 0 <= (value := int(text)) <= MAX_TOP:
            return value
    raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {MAX_TOP}, got {text!r}")
