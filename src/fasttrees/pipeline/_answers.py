"""Read the answers of a Batch Transform and the truth that they are to be compared with, row by row."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttrees.pipeline.errors import PipelineError

__all__ = ["join_answers"]

AGAIN = "score a transform that answers scores, without BAD_ROW_PLACEHOLDER and SAGEMAKER_INFERENCE_OUTPUT"


def join_answers(
    labelled: Sequence[Path], answers: Sequence[Path], joined: BinaryIO
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put answers behind the targets of their rows, as CSV with a header; only numbers are kept in memory.

    Parameters
    ----------
    labelled : sequence of Path
        Headerless CSV, target first.
    answers : sequence of Path
        For each of `labelled` the answers to its rows in their order: CSV of numbers, or JSON with ``score``.
    joined : binary file
        Takes ``target,prediction`` or ``target,prediction_0,prediction_1,...``; numbers as they were written.

    Returns
    -------
    truth : ndarray of float64 of shape (n_rows,)
    prediction : ndarray of float64 of shape (n_rows, n_columns)

    Raises
    ------
    PipelineError
        With the file and the row (counted from 1), what was expected, and what was got.
    """
    _check_files(labelled, answers)
    truth, prediction = array("d"), array("d")
    width = 0
    for rows, answer in zip(labelled, answers, strict=True):
        targets, answered = _targets(rows), _answers(answer)
        for row, (target, cells) in enumerate(zip_longest(targets, answered), 1):
            if target is None or cells is None:
                more = 1 + sum(1 for _ in (answered if target is None else targets))
                expected, got = (row - 1, row - 1 + more) if target is None else (row - 1 + more, row - 1)
                raise PipelineError(
                    f"{answer}: expected {expected} rows, as in {rows}, got {got}; "
                    "these answers are not of these rows: run the transform again"
                )
            if not width:
                width = len(cells)
                names = ["prediction"] if width == 1 else [f"prediction_{k}" for k in range(width)]
                joined.write(f"target,{','.join(names)}\n".encode())
            if len(cells) != width:
                raise PipelineError(
                    f"{answer}, row {row}: expected as many numbers as before, {width}, got {len(cells)}"
                )
            truth.append(_number(target, rows, row, "prepare the data again"))
            for cell in cells:
                prediction.append(_number(cell, answer, row, AGAIN))
            joined.write(f"{target},{','.join(cells)}\n".encode())
    if not truth:
        raise PipelineError(f"{', '.join(map(str, labelled)) or 'the test'}: expected rows to score, got none")
    return np.frombuffer(truth), np.frombuffer(prediction).reshape(len(truth), width)


def _check_files(labelled: Sequence[Path], answers: Sequence[Path]) -> None:
    expected = [f"{path.name}.out" for path in labelled]
    got = [path.name for path in answers]
    if expected != got:
        missing = sorted(set(expected) - set(got))
        more = sorted(set(got) - set(expected))
        parts = [
            *([f"without {', '.join(missing[:3])}"] if missing else []),
            *([f"with {', '.join(more[:3])}"] if more else []),
        ]
        raise PipelineError(
            f"answers of the transform: expected {len(expected)} files, one for each of the test in its order, "
            f"got {len(got)} {' and '.join(parts) or 'in another order'}; run the transform again"
        )


def _targets(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            yield line.partition(",")[0].strip()


def _answers(path: Path) -> Iterator[list[str]]:
    """Yield the cells of each row, as they are written."""
    row = 0
    with path.open(encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            line = line.strip()
            if not line:
                continue  # AssembleWith = Line adds a line's end, also to answers that have one
            if line[0] not in "{[":
                row += 1
                yield line.split(",")
                continue
            for cells in _parse_json(line, path, row + 1):
                row += 1
                yield cells


def _parse_json(line: str, path: Path, row: int) -> Iterator[list[str]]:
    try:
        answer = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise PipelineError(f"{path}, row {row}: expected JSON, got {_cut(line)} ({error}); {AGAIN}") from error
    rows = answer["predictions"] if isinstance(answer, dict) and "predictions" in answer else [answer]
    for item in rows if isinstance(rows, list) else [None]:
        score: Any = item.get("score", item.get("predicted_label")) if isinstance(item, dict) else item
        cells = score if isinstance(score, list) else [score]
        if not cells or not all(isinstance(cell, str) for cell in cells):
            raise PipelineError(
                f'{path}, row {row}: expected {{"score": a number or a list}}, got {_cut(line)}; {AGAIN}'
            )
        yield cells


def _number(text: str, path: Path, row: int, hint: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number - number != 0 or "_" in text:  # infinite or none; and Python alone takes 1_000 for a number
        raise PipelineError(f"{path}, row {row}: expected a finite number, got {_cut(text)}; {hint}")
    return number


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
