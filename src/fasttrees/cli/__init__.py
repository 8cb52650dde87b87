"""The command ``fasttrees``: a module per subcommand, and here what they share; see docs/reference/command-line.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import fasttrees
from fasttrees.cli import compare, convert, gather, info, pipeline, predict, serve, shard, transform, verify
from fasttrees.errors import CsvError, FastTreesError, ModelFormatError

__all__ = ["main", "make_parser"]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command with all subcommands; each sets ``run``, the function that does it."""
    parser = argparse.ArgumentParser("fasttrees", description="Score LightGBM models.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"fasttrees {fasttrees.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    predict.add_command(commands)
    info.add_command(commands)
    convert.add_command(commands)
    serve.add_command(commands)
    transform.add_command(commands)
    pipeline.add_command(commands)
    shard.add_command(commands)
    gather.add_command(commands)
    verify.add_command(commands)
    compare.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None, default None
        The arguments; None: those of the process.

    Returns
    -------
    int
        Status: 0, 1 after an error, 128 + signal number when interrupted (130) or when nobody reads standard output
        any more (141). Wrong usage raises SystemExit(2), SIGTERM SystemExit(143).
    """
    if sys.stderr is None:  # closed; print would turn to standard output
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    args = make_parser().parse_args(argv)
    try:
        with _terminating_like_an_exit():
            args.run(args)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _discard_stdout()
        return 128 + signal.SIGPIPE
    except Exception as error:
        message = " ".join(_describe(error, args).splitlines())
        print(f"fasttrees: error: {message}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _terminating_like_an_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that a half-written output is removed; elsewhere it keeps its meaning."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _describe(error: Exception, args: argparse.Namespace) -> str:
    if isinstance(error, ModelFormatError):
        return f"{args.model}: {error}"
    if isinstance(error, CsvError):
        return f"{'standard input' if args.input == '-' else args.input}: {error}"
    if isinstance(error, FastTreesError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"unexpected {type(error).__name__}: {error}"


def _discard_stdout() -> None:
    """Let Python's own flush of standard output at exit succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
