"""Choose among the builds of the kernels: the same source, compiled for the processors it will run on.

All builds give the same bits: no build may contract or reorder floating point. The environment variable
``FASTTREES_BUILD`` names one to take instead of the best, to compare them or to look for a fault.
"""

from __future__ import annotations

import os

from fasttrees._engine import cpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BUILDS", "Evaluator", "RowScorer", "usable_builds"]

#: Builds from the most to the least demanding: module and what it needs of the processor.
BUILDS: dict[str, Callable[[], bool]] = {
    "_eval_avx512": cpu.has_avx512,
    "_eval_avx2": cpu.has_avx2,
    "_eval": lambda: True,
}


def usable_builds() -> list[str]:
    """List the builds that are installed and that this processor can run, the best first."""
    from importlib.util import find_spec  # here, because it takes longer to import than the kernels

    return [name for name, can_run in BUILDS.items() if can_run() and find_spec(f"fasttrees.{name}") is not None]


if TYPE_CHECKING:
    from fasttrees._eval import Evaluator, RowScorer
else:
    _forced = os.environ.get("FASTTREES_BUILD")
    if _forced and _forced not in usable_builds():
        raise ImportError(f"FASTTREES_BUILD: expected one of {', '.join(usable_builds())}, got {_forced!r}")
    for _name, _can_run in BUILDS.items():
        if _can_run() and _forced in (None, "", _name):
            try:
                _build = __import__(f"fasttrees.{_name}", fromlist=["Evaluator"])
                break
            except ModuleNotFoundError:
                continue  # not made for this kind of processor
    Evaluator, RowScorer = _build.Evaluator, _build.RowScorer
