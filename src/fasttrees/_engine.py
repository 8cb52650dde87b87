"""Chooses among the builds of the kernels: the same source, compiled for the processors it will run on.

All builds give the same bits: no build may contract or reorder floating point.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fasttrees import _cpu

__all__ = ["BUILDS", "Evaluator", "Output", "RowScorer", "usable_builds"]

#: Builds from the most to the least demanding: module and what it needs of the processor.
BUILDS: dict[str, Callable[[], bool]] = {
    "_eval_avx512": _cpu.has_avx512,
    "_eval_avx2": _cpu.has_avx2,
    "_eval": lambda: True,
}


def usable_builds() -> list[str]:
    """List the builds that are installed and that this processor can run, the best first."""
    return [name for name, can_run in BUILDS.items() if can_run() and find_spec(f"fasttrees.{name}") is not None]


if TYPE_CHECKING:
    from fasttrees._eval import Evaluator, Output, RowScorer
else:
    _build = import_module(f"fasttrees.{usable_builds()[0]}")
    Evaluator, Output, RowScorer = _build.Evaluator, _build.Output, _build.RowScorer
