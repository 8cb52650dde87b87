"""``fasttrees convert``: a text model as a compact file."""

from __future__ import annotations

import argparse
import os
from typing import Any

import fasttrees
from fasttrees.errors import InputError

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add ``convert`` to the commands."""
    parser = commands.add_parser("convert", help="write a model as a compact file", allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="model.txt that LightGBM wrote, or a compact file")
    parser.add_argument("output", metavar="OUT", help="compact file to write, such as model.ft")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Convert a model; its trees are proved, those of a compact file again."""
    if os.path.exists(args.output) and os.path.samefile(args.model, args.output):
        raise InputError(f"{args.output}: expected another file than the model, which would be lost")
    fasttrees.load(args.model, verify=True).save(args.output)
