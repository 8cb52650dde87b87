"""What is to be done to each column, from what was found of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation.cells import Kind
from fasttrees.pipeline.preparation.kinds import ColumnKind
from fasttrees.pipeline.preparation.profile import Profile, find_profile
from fasttrees.pipeline.preparation.raw_table import RawTable, require_columns
from fasttrees.pipeline.preparation.schema import Column, Schema
from fasttrees.pipeline.preparation.split import ByGroup, ByRow, ByTime, Split, Stratified

__all__ = ["check_names", "make_plan"]


def check_names(table: RawTable, settings: PrepareSettings) -> None:
    """Check that the columns that the configuration names are there, each with one role."""
    target, split_column = settings.target, settings.split_column
    require_columns([target], table.columns, "target")
    require_columns(settings.drop, table.columns, "drop")
    require_columns(settings.categorical, table.columns, "categorical")
    if split_column:
        require_columns([split_column], table.columns, "split_column")
        if split_column == target:
            raise ConfigError(f"prepare.split_column: expected another column than the target {target!r}")
    if target in settings.drop:
        raise ConfigError(f"prepare.drop: {target!r} is the target")
    if len(set(settings.classes)) < len(settings.classes):
        raise ConfigError(f"prepare.classes: expected each class once, got {settings.classes}")


def make_plan(
    table: RawTable,
    settings: PrepareSettings,
    found: Mapping[str, ColumnKind],
    folder: Path,
    progress: Progress,
) -> tuple[Schema, Callable[[], Split]]:
    """Decide what becomes of each column and each row.

    Parameters
    ----------
    table : RawTable
    settings : PrepareSettings
    found : mapping of str to ColumnKind
        Of each column.
    folder : pathlib.Path
        For what is kept while the table is read.
    progress : Progress

    Returns
    -------
    schema : Schema
        Without means and deviations.
    make_split : function
        Makes the split anew.

    Raises
    ------
    ConfigError
        If a column cannot be what the configuration makes of it.
    """
    kinds = {name: column.kind for name, column in found.items()}
    left_out = {settings.target, *settings.drop, *([settings.split_column] if settings.split_column else [])}
    features = [name for name in table.columns if name not in left_out]
    _check_kinds(settings, found, features)
    categories: dict[str, Kind] = {
        name: "number" if kinds[name] == "number" else "text"
        for name in features
        if kinds[name] == "text" or name in settings.categorical
    }
    profile = find_profile(table, settings, kinds, categories, folder, progress)
    schema = _make_schema(settings, found, features, table.columns, categories, profile)

    def make_split() -> Split:
        if settings.split == "group":
            return ByGroup(settings)
        if settings.split == "time":
            column = settings.split_column
            return ByTime(settings, kinds[column], profile.validation_from, profile.test_from)
        if settings.split == "stratified":
            codes = {name: float(code) for code, name in enumerate(schema.classes)}
            counts = {codes.get(str(key), key): count for key, count in profile.class_counts.items()}
            return Stratified(settings, {float(key): count for key, count in counts.items()})
        return ByRow(settings)

    return schema, make_split


def _check_kinds(settings: PrepareSettings, found: Mapping[str, ColumnKind], features: list[str]) -> None:
    if not features:
        raise ConfigError("prepare: no column is left beside the target, prepare.split_column and prepare.drop")
    for name in filter(None, (settings.target, settings.split_column)):
        if found[name].n_missing:
            raise ConfigError(
                f"{name!r}: missing in {found[name].n_missing} rows, the first is {found[name].first_missing}; "
                "take such rows out of the raw table"
            )
    kind = found[settings.target].kind
    if kind in ("time", "zoned time"):
        raise ConfigError(f"{settings.target!r}: expected a target of numbers or classes, got times")
    if settings.split == "time" and (kind := found[settings.split_column].kind) not in ("number", "time", "zoned time"):
        but = found[settings.split_column].exception
        raise ConfigError(
            f"{settings.split_column!r}: expected times such as 2026-01-31 or 2026-01-31T12:00:00Z (with an offset "
            f"in all rows or in none), or numbers, got {kind}{but and f': {but}'}"
        )
    for name in features:
        if found[name].kind in ("time", "zoned time") and name not in settings.categorical:
            raise ConfigError(
                f"{name!r}: a column of times cannot be a feature; name it in prepare.drop, or as "
                "prepare.split_column, or make numbers of it, such as the hour of the day"
            )


def _make_schema(
    settings: PrepareSettings,
    found: Mapping[str, ColumnKind],
    features: list[str],
    columns: list[str],
    categories: Mapping[str, Kind],
    profile: Profile,
) -> Schema:
    described = [
        Column(
            name=name,
            kind=_column_kind(categories.get(name), found[name].kind),
            categories=profile.categories.get(name, []),
            n_missing=found[name].n_missing,
        )
        for name in features
    ]
    target_kind: Literal["number", "boolean", "class"] = "number"
    classes: list[str] = []
    if settings.classes or found[settings.target].kind == "text":
        target_kind, classes = "class", settings.classes or sorted(map(str, profile.class_counts))
        if len(classes) < 2:
            raise ConfigError(f"{settings.target!r}: expected two classes or more, got {classes}")
    elif found[settings.target].kind == "boolean":
        target_kind, classes = "boolean", ["false", "true"]
    return Schema(
        target=settings.target,
        target_kind=target_kind,
        classes=classes,
        features=described,
        ignored=[name for name in columns if name not in features and name != settings.target],
        missing=settings.missing,
    )


def _column_kind(compared_as: Kind | None, kind: Kind) -> Literal["number", "boolean", "category", "number category"]:
    if compared_as:
        return "category" if compared_as == "text" else "number category"
    return "boolean" if kind == "boolean" else "number"
