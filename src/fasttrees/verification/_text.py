"""A verification as lines of text, and the parts of it that the page shows in the same words."""

from __future__ import annotations

import math
import textwrap

from fasttrees.verification._result import Verification, WorstRow

__all__ = ["as_text", "differences_table", "number", "show_cells", "show_numbers", "show_trees"]

WIDTH = 100
BAR = 40
MAX_CELLS = 40  # of a row
MAX_TREES = 4  # of a row


def as_text(found: Verification) -> str:
    """Write everything, the verdict last."""
    lines = [
        f"model      {found.model}",
        f"rows       {found.rows_file}: {found.n_rows:,}",
        f"reference  {found.reference}: {found.n_references:,} {found.output}",
        f"verified   {found.target}: {found.n_predictions:,} {found.output}",
        "",
        f"{'rows compared':<26}{found.n_compared:>16,}",
        f"{'equal in every bit':<26}{found.n_same:>16,}{_share(found.n_same, found.n_compared)}",
        f"{'beyond the tolerance':<26}{found.n_failed:>16,}{_share(found.n_failed, found.n_compared)}",
        f"{'tolerance':<26}{found.tolerance:>16g}",
        *(f"{name:<28}{value:>14}" for name, value in differences_table(found)),
    ]
    if found.n_same < found.n_compared:
        lines += ["", "units in the last place    numbers"]
        most = max(found.ulps.values())
        for label, n in found.ulps.items():
            if n:
                lines.append(f"  {label:<24} {n:>12,} {'#' * math.ceil(BAR * n / most)}")
    if found.worst:
        lines += ["", "rows that differ most"]
        for row in found.worst:
            lines += _as_lines(row)
    texts = [text for text in (found.order, *found.findings) if text]
    if texts:
        lines += ["", *(_wrap(text) for text in texts)]
    verdict = f"{'PASSED' if found.passed else 'FAILED'}: {found.verdict} ({found.seconds:.1f} s)"
    lines += ["", _wrap(verdict)]
    return "\n".join(lines)


def differences_table(found: Verification) -> list[tuple[str, str]]:
    """List the statistics of differences with their names."""
    return [
        ("maximum difference", number(found.max_absolute)),
        ("mean difference", number(found.mean_absolute)),
        ("maximum relative difference", number(found.max_relative)),
        ("mean relative difference", number(found.mean_relative)),
        *([("NaN or infinity unlike", f"{found.n_unlike:,}")] if found.n_unlike else []),
    ]


def number(value: float) -> str:
    """Write a difference with few digits."""
    return f"{value:.3g}"


def show_numbers(values: list[float]) -> str:
    """Write predictions with all their digits."""
    return ", ".join(map(repr, values))


def show_cells(row: WorstRow) -> str:
    """Write what stands in a row."""
    shown = [f"{name}={repr(value).removesuffix('.0')}" for name, value in list(row.cells.items())[:MAX_CELLS]]
    return ", ".join(shown) + _more(len(row.cells) - MAX_CELLS)


def show_trees(row: WorstRow) -> str:
    """Write the trees that disagree."""
    if row.trees is None:
        return ""
    if not row.trees:
        return "no tree disagrees"
    return "; ".join(map(str, row.trees[:MAX_TREES])) + _more(len(row.trees) - MAX_TREES)


def _as_lines(row: WorstRow) -> list[str]:
    lines = [
        f"  row {row.row:,}: {show_numbers(row.prediction)} against {show_numbers(row.reference)}, "
        f"difference {number(row.difference)}"
    ]
    if row.library is not None and row.library != row.prediction:
        lines.append(f"    the library gives {show_numbers(row.library)}")
    lines.append(_wrap(show_cells(row), "    "))
    if row.trees is not None:
        lines.append(_wrap(show_trees(row), "    "))
    return lines


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _share(n: int, total: int) -> str:
    """Write a percentage, which is 100 only if all are meant, and 0 only if none is."""
    if not total:
        return ""
    percent = 100 * n / total
    if n not in (0, total):
        percent = min(max(percent, 0.001), 99.999)
    return f"  ({percent:.3f} %)".replace("100.000", "100").replace("(0.000", "(0")


def _more(n: int) -> str:
    return f", and {n} more" if n > 0 else ""
