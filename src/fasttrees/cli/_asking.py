"""Questions to the person at the terminal."""

from __future__ import annotations

import sys

from fasttrees.errors import InputError

__all__ = ["ask"]


def ask(question: str) -> bool:
    """Ask on standard error, and read the answer from the terminal.

    Raises
    ------
    InputError
        If there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InputError(f"{question} nobody is there to answer; --yes answers")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
