"""Compact model files: the arrays of a forest and its plans as the kernels read them, and the model's other lines.

docs/reference/compact-file.md describes them byte by byte.
"""

from __future__ import annotations

import os

from fasttrees._builds import Evaluator
from fasttrees._engine.plan import Plan
from fasttrees._engine.row_plan import RowPlan
from fasttrees._modelfile.reader import read_model
from fasttrees._modelfile.sections import Sections, open_sections, write_sections
from fasttrees.errors import ModelFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from fasttrees._modelfile.header import ModelHeader

    Parts = tuple[Evaluator, ModelHeader]
    Opening = Callable[[], Parts]

__all__ = ["PLAN_VERSION", "SMALL", "Sections", "open_model", "open_sections", "save_model", "write_model"]

PLAN_VERSION = 1  # plans of another one are passed over and made anew: to be counted up when a plan changes
SMALL = 1 << 20  # bytes that are verified at once: in a tenth of a millisecond


def open_model(sections: Sections, prove: bool = False) -> Parts | Opening:
    """Make the parts of a model from a compact file, or of a large file what makes them when they are first needed.

    Parameters
    ----------
    sections : Sections
    prove : bool, default False
        Prove the trees as the reader of text models does, and do without the plans of the file: nothing then rests on
        whoever wrote it.

    Raises
    ------
    ModelFormatError
        If the file is damaged; of a file above SMALL, using the damaged part raises it.
    """

    def read() -> Parts:
        forest, objective, header = read_model(bytes(sections.take("text", 1)), sections.size)
        forest.borrow_from(sections)
        if prove:
            forest.check_all()
        plans = sections if sections.plan_version == PLAN_VERSION and not prove else None
        return Evaluator(forest, objective, header.average_output, sections=plans), header

    if not prove and sections.size > SMALL:
        return read
    sections.verify()
    return read()


def save_model(path: str | os.PathLike[str], evaluator: Evaluator, header: ModelHeader) -> None:
    """Write a compact file; it takes its place only when it is whole, so processes that map another keep theirs.

    Raises
    ------
    OSError
    ModelFormatError
        If the trees are not sound, or the header cannot be written as text.
    """
    from fasttrees._runtime.atomic_file import replacing  # here, for loading needs none of it

    with replacing(path) as file:
        write_model(file, evaluator, header)


def write_model(file: BinaryIO, evaluator: Evaluator, header: ModelHeader) -> None:
    """Write what :func:`save_model` writes into an open file; nothing if it raises ModelFormatError."""
    forest = evaluator.forest
    text = _text_of(evaluator, header)
    written = read_model(text, 2**31 - 1)[2]
    if repr(written) != repr(header):  # as text, because a category may be NaN
        raise ModelFormatError("a header that a text model can hold", "another")
    forest.check_all()
    plan, row_plan = Plan(forest), RowPlan(forest)
    sections = {
        "text": (1, memoryview(text)),
        **forest.sections(),
        **plan.sections(),
        **row_plan.sections(),
    }
    write_sections(file, PLAN_VERSION, sections)


def _text_of(evaluator: Evaluator, header: ModelHeader) -> bytes:
    """Write down the lines of a text model around its trees."""
    forest, objective = evaluator.forest, evaluator.objective
    lines = ["tree"]
    if header.version is not None:
        lines.append(f"version={header.version}")
    lines += [
        f"num_class={forest.n_classes}",
        f"num_tree_per_iteration={forest.n_classes}",
        f"label_index={header.label_index}",
        f"max_feature_idx={forest.n_features - 1}",
        *([f"objective={objective.text}"] if objective.text is not None else []),
        *(["average_output"] if header.average_output else []),
        f"feature_names={' '.join(header.feature_names)}",
        f"feature_infos={' '.join(header.feature_infos)}",
        "",
        "end of trees",
    ]
    if header.parameters is not None:
        lines += ["", "parameters:", header.parameters, "end of parameters"]
    if header.pandas_categorical is not None:
        import json

        lines += ["", f"pandas_categorical:{json.dumps(header.pandas_categorical)}"]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
