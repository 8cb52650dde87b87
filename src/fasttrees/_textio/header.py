"""Map the cells of a line to the features of a model, by name or by position."""

from __future__ import annotations

from collections import defaultdict

from fasttrees.errors import InputError

__all__ = ["columns_by_name", "columns_by_position"]

MAX_NAMES = 10  # missing names listed in an error


def columns_by_position(n_features: int, label: int | None) -> list[int]:
    """Map the cells of a line, the label aside, to the features in their order; -1 for the label."""
    columns = list(range(n_features))
    if label is not None:
        if label > n_features:
            raise InputError(f"expected a label column from 0 to {n_features}, got {label}")
        columns.insert(label, -1)
    return columns


def columns_by_name(header: list[str], features: list[str], label: int | None) -> list[int] | None:
    """Map the cells of a line to the features that the header names; -1 for the label and what is no feature.

    LightGBM replaced blanks in names by ``_`` when it trained, so names are equal with that too.

    Returns
    -------
    list of int or None
        None if the header names no feature at all.

    Raises
    ------
    InputError
        If some features are missing in the header, or one is there twice.
    """
    cells = defaultdict(list)
    for cell, name in enumerate(header):
        if cell != label:
            for spelling in {name, name.replace(" ", "_")}:
                cells[spelling].append(cell)
    missing = [name for name in features if name not in cells]
    if len(missing) == len(features):
        return None
    if missing:
        more = f" and {len(missing) - MAX_NAMES} more" if len(missing) > MAX_NAMES else ""
        raise InputError(
            f"the header lacks {len(missing)} of the model's {len(features)} features: "
            f"{', '.join(map(repr, missing[:MAX_NAMES]))}{more}"
        )
    columns = [-1] * len(header)
    for feature, name in enumerate(features):
        if len(cells[name]) > 1 or columns[cells[name][0]] != -1:
            raise InputError(f"expected the feature {name!r} once in the header and in the model, got it again")
        columns[cells[name][0]] = feature
    return columns
