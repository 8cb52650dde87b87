"""``fasttrees predict``: score delimited text of any size in constant memory."""

from __future__ import annotations

import argparse
import sys
from array import array
from contextlib import closing, suppress
from typing import Any

import fasttrees
from fasttrees._engine.classes import apply_threshold
from fasttrees._runtime.atomic_file import open_output
from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._runtime.threads import resolve_n_threads
from fasttrees._textio.chunks import Chunk, Lines, open_text
from fasttrees._textio.columns import find_columns, parse_rows
from fasttrees._textio.csv import RowParser
from fasttrees._textio.dialect import DELIMITERS
from fasttrees._textio.format import format_rows
from fasttrees.cli._progress import TerminalProgress
from fasttrees.errors import InputError

__all__ = ["add_command", "read_delimiter", "read_n_threads"]

BLOCK_SIZE = 1 << 20  # bytes read at once; about the size of a chunk
MAX_OUTPUTS = 1 << 20  # numbers of a chunk's output, whatever the model gives for a row


def add_command(commands: Any) -> None:
    """Add ``predict`` to the commands."""
    parser = commands.add_parser(
        "predict",
        help="score the rows of a CSV or TSV file",
        description="Score the rows of a CSV or TSV file, one line of output for each row.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="model.txt that LightGBM wrote, or a compact file")
    add("input", metavar="INPUT", help="CSV or TSV file, plain or gzip; - is standard input")
    add(
        "-o",
        "--output",
        default="-",
        metavar="OUT",
        help="file to write, whole or not at all; - or none: standard output, written while the input is read",
    )
    add(
        "--delimiter",
        type=read_delimiter,
        metavar="CHAR",
        help=", ; | or tab; none: tab if the first line has one, else ,",
    )
    add("--header", action="store_true", help="the first line holds names; features are found by them")
    add("--label-column", metavar="N_OR_NAME", help="column to leave out: its number from 0, or its name in the header")
    add("--raw-score", action="store_true", help="write raw scores")
    add("--pred-leaf", action="store_true", help="write the number of the row's leaf in each tree")
    add("--start-iteration", type=int, default=0, metavar="N", help="first iteration to use (default 0)")
    add("--num-iteration", type=int, metavar="N", help="number of iterations to use (default: all)")
    add("--threshold", type=_probability, metavar="T", help="write 1 if the probability is above T, else 0")
    add("--threads", type=read_n_threads, metavar="N", help="default: the CPUs that this process may use")
    add("--quiet", action="store_true", help="no progress line and no notes on standard error")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Score the input."""
    if args.threshold is not None and (args.raw_score or args.pred_leaf):
        args.usage_error("--threshold compares probabilities: it goes without --raw-score and --pred-leaf")
    if args.label_column is not None and not args.label_column.isdecimal() and not args.header:
        args.usage_error("--label-column: expected a number from 0; a name needs --header")
    n_threads = resolve_n_threads(args.threads)
    model = fasttrees.load(args.model)
    if args.threshold is not None and not model.is_binary:
        raise InputError(f"--threshold needs a model with objective 'binary', not {model.objective!r}")
    n_rows = 0
    with open_text(args.input) as source, TerminalProgress(args.quiet) as progress:
        lines = Lines(source.read, BLOCK_SIZE)
        parser, delimiter = find_columns(
            lines, model.feature_name(), args.delimiter, args.header, args.label_column, lambda text: _note(text, args)
        )
        score = _Scorer(model, parser, delimiter, args)
        chunks = lines.chunks(score.parser, score.max_rows)
        with open_output(args.output) as output, closing(map_in_order(score, chunks, n_threads)) as results:
            for text, n in results:
                output.write(text)
                n_rows += n
                progress.advance("predict", source.n_bytes, source.size, "B", n_rows)
    if not n_rows:
        _note("the input has no rows", args)


class _Scorer:
    """Turns a chunk of input into a chunk of output; threads share it."""

    def __init__(self, model: fasttrees.Model, parser: RowParser, delimiter: str, args: argparse.Namespace) -> None:
        self.parser = parser
        self._model = model
        self._delimiter = delimiter
        self._what = (args.start_iteration, args.num_iteration, args.raw_score, args.pred_leaf)
        self._threshold = args.threshold
        self._n_outputs = model.num_outputs(args.start_iteration, args.num_iteration, args.pred_leaf)
        self._format = "i" if args.pred_leaf else "d"

    @property
    def max_rows(self) -> int:
        """How many rows a chunk may have."""
        return max(1, MAX_OUTPUTS // max(1, self._n_outputs))

    def __call__(self, chunk: Chunk) -> tuple[bytes, int]:
        """Return the text of the chunk's predictions, and the number of its rows."""
        table = parse_rows(self.parser, chunk)
        n_rows = table.shape[0]
        output = array(self._format, [0]) * (n_rows * self._n_outputs)
        self._model.predict_into(table, output, *self._what, n_threads=1)
        if self._threshold is not None:
            apply_threshold(output, self._threshold)
        return format_rows(output, n_rows, self._delimiter), n_rows


def read_delimiter(text: str) -> str:
    """Read the option ``--delimiter``."""
    delimiter = "\t" if text in ("tab", "\\t") else text
    if delimiter not in DELIMITERS:
        raise argparse.ArgumentTypeError(f"expected , ; | or tab, got {text!r}")
    return delimiter


def _probability(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")


def read_n_threads(text: str) -> int:
    """Read the option ``--threads``."""
    with suppress(ValueError):
        return resolve_n_threads(int(text))
    raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")


def _note(text: str, args: argparse.Namespace) -> None:
    if not args.quiet:
        print(f"fasttrees: note: {text}", file=sys.stderr)
