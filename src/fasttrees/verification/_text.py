"""A verification as text, and the parts of it that the page shares."""

from __future__ import annotations

import math
import textwrap

from fasttrees.verification._result import Verification, WorstRow

__all__ = ["as_text", "causes", "differences_table", "number", "show_cells", "show_numbers", "show_trees"]

WIDTH = 100
BAR = 40
MAX_CELLS = 40  # of a row
MAX_TREES = 4  # of a row


def as_text(result: Verification) -> str:
    """Write everything, the verdict last."""
    lines = [
        f"model      {result.model}",
        f"rows       {result.rows_file}: {result.n_rows:,}",
        f"reference  {result.reference}: {result.n_references:,} {result.output}",
        f"verified   {result.target}: {result.n_predictions:,} {result.output}",
        "",
        f"{'rows compared':<26}{result.n_compared:>16,}",
        f"{'equal in every bit':<26}{result.n_same:>16,}{_share(result.n_same, result.n_compared)}",
        f"{'beyond the tolerance':<26}{result.n_failed:>16,}{_share(result.n_failed, result.n_compared)}",
        f"{'tolerance':<26}{result.tolerance:>16g}",
        *(f"{name:<28}{value:>14}" for name, value in differences_table(result)),
    ]
    if result.n_same < result.n_compared:
        lines += ["", "units in the last place    numbers"]
        most = max(result.ulps.values())
        for label, n in result.ulps.items():
            if n:
                lines.append(f"  {label:<24} {n:>12,} {'#' * math.ceil(BAR * n / most)}")
    if result.worst:
        lines += ["", "rows that differ most"]
        for row in result.worst:
            lines += _as_lines(row)
    texts = causes(result)
    if texts:
        lines += ["", *(_wrap(text) for text in texts)]
    verdict = f"{'PASSED' if result.passed else 'FAILED'}: {result.verdict} ({result.seconds:.1f} s)"
    lines += ["", _wrap(verdict)]
    return "\n".join(lines)


def causes(result: Verification) -> list[str]:
    """List what is known of the causes of differences, or how to look for them."""
    texts = [text for text in (result.order, *result.findings) if text]
    if not result.passed and not result.explained:
        texts.append("--explain looks for causes: rows moved, columns swapped, numbers rounded, a leaf changed.")
    return texts


def differences_table(result: Verification) -> list[tuple[str, str]]:
    """List the statistics of differences with their names."""
    return [
        ("maximum difference", number(result.max_absolute)),
        ("mean difference", number(result.mean_absolute)),
        ("maximum relative difference", number(result.max_relative)),
        ("mean relative difference", number(result.mean_relative)),
        *([("NaN or infinity unlike", f"{result.n_unlike:,}")] if result.n_unlike else []),
    ]


def number(value: float) -> str:
    """Write a difference with few digits."""
    return f"{value:.3g}"


def show_numbers(values: list[float]) -> str:
    """Write predictions with all their digits."""
    return ", ".join(map(repr, values))


def show_cells(row: WorstRow) -> str:
    """Write the values of a row."""
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
    """Write a percentage that is 100 only for all, and 0 only for none."""
    if not total:
        return ""
    percent = 100 * n / total
    if n not in (0, total):
        percent = min(max(percent, 0.001), 99.999)
    return f"  ({percent:.3f} %)".replace("100.000", "100").replace("(0.000", "(0")


def _more(n: int) -> str:
    return f", and {n} more" if n > 0 else ""
