"""The step itself: reads the table a few times, and writes all files or none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation.cells import fits, to_text
from fasttrees.pipeline.preparation.encoding import Encoded, encode_blocks, normalize
from fasttrees.pipeline.preparation.kinds import ColumnKind, find_kinds
from fasttrees.pipeline.preparation.parts import Parts
from fasttrees.pipeline.preparation.plan import check_names, make_plan
from fasttrees.pipeline.preparation.raw_table import RawTable
from fasttrees.pipeline.preparation.samples import Sample, write_samples
from fasttrees.pipeline.preparation.schema import Schema, format_lines
from fasttrees.pipeline.preparation.split import SIDES, TEST, TRAIN, VALIDATION
from fasttrees.pipeline.results import Prepared

__all__ = ["is_prepared", "prepare_table", "remove_prepared"]

SCHEMA = "data/schema.json"
SAMPLES = "data/test/samples.json"
FOLDERS = ("data/train", "data/validation", "data/test/labelled")
FEATURES = "data/test/features"
N_SAMPLES = 20
NAMES = ("data", ".data.old", ".data.part")  # what is written to the folder; the last two are there for a while


def prepare_table(raw: Sequence[Path], settings: PrepareSettings, folder: Path, progress: Progress) -> Prepared:
    """Turn a raw table into headerless CSV, the target first, for training, validation and test.

    The same table and settings give the same bytes. What a run before has written is replaced when all is there; if
    this one fails, it stays.

    Parameters
    ----------
    raw : sequence of pathlib.Path
        CSV or Parquet files of the same columns; they may be larger than memory.
    settings : PrepareSettings
    folder : pathlib.Path
        ``data/`` is written there.
    progress : Progress

    Returns
    -------
    Prepared

    Raises
    ------
    ConfigError
        If the table and the settings do not fit: where, what was expected, and what was got.
    PipelineError
        If the table changes while it is read.
    """
    table = RawTable(raw, settings.missing)
    check_names(table, settings)
    n_rows, found = find_kinds(table, progress)
    n_sides = 3 if settings.validation_fraction else 2
    if n_rows < n_sides:
        raise ConfigError(f"{table.files[0]}: expected {n_sides} rows or more, for as many splits, got {n_rows}")
    with _replacing_data(folder) as part:
        schema, make_split = make_plan(table, settings, found, part, progress)
        if settings.normalize:
            schema = normalize(table, schema, make_split(), n_rows, progress)
        blocks = encode_blocks(table, schema, make_split(), n_rows, "writing", progress)
        prepared = _write(blocks, schema, settings, part)
        _check_sides(prepared, settings)
    for line in _summarize(prepared, schema, found, n_rows):
        progress.say(line)
    return prepared


@contextmanager
def _replacing_data(folder: Path) -> Iterator[Path]:
    """Yield a folder whose ``data`` takes the place of that in `folder` when the block ends well."""
    data, old, part = (folder / name for name in NAMES)
    if data.exists() and not _is_own(folder):
        raise ConfigError(f"{data}: prepare has not written this, so it is not replaced; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if old.exists() and not data.exists():  # a run was ended between the two renames below
        old.rename(data)
    shutil.rmtree(part, ignore_errors=True)  # of a run that was ended
    part.mkdir()
    try:
        yield part
        shutil.rmtree(old, ignore_errors=True)
        if data.exists():
            data.rename(old)
        (part / "data").rename(data)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    """Return whether ``data`` was written here, even if some of its files were deleted since."""
    return any((folder / name).exists() for name in (SCHEMA, SAMPLES, FEATURES, FOLDERS[TEST]))


def is_prepared(folder: Path) -> bool:
    """Return whether a folder holds what :func:`prepare_table` has written, or an interrupted run of it has left."""
    return _is_own(folder) or any((folder / name).is_dir() for name in NAMES[1:])


def remove_prepared(folder: Path) -> None:
    """Delete what :func:`prepare_table` has written, and the folder if nothing else is in it."""
    for name in NAMES if _is_own(folder) else NAMES[1:]:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / name)
    if not any(folder.iterdir()):
        folder.rmdir()


def _write(blocks: Iterator[Encoded], schema: Schema, settings: PrepareSettings, part: Path) -> Prepared:
    n_features = len(schema.features)
    samples: list[Sample] = []
    with ExitStack() as stack:
        parts = [
            stack.enter_context(Parts([part / folder for folder in folders], settings.part_size_mb * 1_000_000))
            for folders in ([FOLDERS[TRAIN]], [FOLDERS[VALIDATION]], [FOLDERS[TEST], FEATURES])
        ]
        for encoded in blocks:
            for side in range(len(SIDES)):
                rows = np.flatnonzero(encoded.sides == side)
                if not len(rows):
                    continue
                values = encoded.values[rows]
                forms = [format_lines(values, len(rows), n_features)]
                if side == TEST:
                    forms.append(format_lines(np.ascontiguousarray(values[:, 1:]), len(rows), n_features))
                    if len(samples) < N_SAMPLES:
                        samples += _take_samples(encoded, rows[: N_SAMPLES - len(samples)].tolist(), schema, forms[1])
                parts[side].write(len(rows), *forms)
    (part / SCHEMA).write_bytes(schema.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    write_samples(part / SAMPLES, samples)
    files = [[f"{FOLDERS[side]}/{name}" for name in parts[side].names] for side in range(len(SIDES))]
    return Prepared(
        schema_file=SCHEMA,
        samples_file=SAMPLES,
        train=files[TRAIN],
        validation=files[VALIDATION],
        test=files[TEST],
        features=[f"{FEATURES}/{name}" for name in parts[TEST].names],
        n_train=parts[TRAIN].n_rows,
        n_validation=parts[VALIDATION].n_rows,
        n_test=parts[TEST].n_rows,
        n_features=n_features,
        n_classes=len(schema.classes),
    )


def _take_samples(encoded: Encoded, rows: list[int], schema: Schema, lines: bytes) -> list[Sample]:
    texts = {name: to_text(array.take(rows)).to_pylist() for name, array in encoded.block.columns.items()}
    truths = texts.pop(schema.target)
    return [
        Sample(cells={name: column[i] for name, column in texts.items()}, line=line.decode("ascii"), truth=truths[i])
        for i, line in enumerate(lines.split(b"\n")[: len(rows)])
    ]


def _check_sides(prepared: Prepared, settings: PrepareSettings) -> None:
    counts = {"train": prepared.n_train, "validation": prepared.n_validation, "test": prepared.n_test}
    for side, count in counts.items():
        if not count and (side != "validation" or settings.validation_fraction):
            what = ", ".join(f"{count} to {name}" for name, count in counts.items())
            raise ConfigError(
                f"prepare.split = {settings.split!r}: no rows are left to {side} ({what}); change the fractions or "
                "the seed, or the split: equal times, and rows of a group, stay together"
            )


def _summarize(prepared: Prepared, schema: Schema, found: Mapping[str, ColumnKind], n_rows: int) -> Iterator[str]:
    n_categories = sum(len(schema.features[i].categories) for i in schema.categorical)
    yield (
        f"{n_rows} rows: {prepared.n_train} to train, {prepared.n_validation} to validate, {prepared.n_test} to test; "
        f"{prepared.n_features} features, {len(schema.categorical)} of them with {n_categories} categories; "
        f"{sum(column.n_missing for column in schema.features)} cells missing"
    )
    if schema.classes:
        some = ", ".join(f"{code} is {name!r}" for code, name in enumerate(schema.classes[:10]))
        yield f"{schema.target!r} has {len(schema.classes)} classes: {some}{', ...' * (len(schema.classes) > 10)}"
    for column in schema.features:
        kind = found[column.name]
        if kind.exception and column.kind == "category":
            yield (
                f"{column.name!r} is taken as {len(column.categories)} categories, because {kind.exception} is not a "
                "number; if it means missing, name it in prepare.missing"
            )
        elif column.kind == "category" and _are_spaced_numbers(column.categories):
            yield f"{column.name!r} is taken as categories, because there are spaces around its numbers; remove them"
        if kind.rounded and column.kind != "category":
            yield f"{column.name!r}: integers beyond 2^53 are rounded to doubles, the first is {kind.rounded}"
        if not kind.n_values:
            yield f"{column.name!r} is missing in all rows"


def _are_spaced_numbers(texts: list[str]) -> bool:
    return bool(texts) and fits(pc.utf8_trim_whitespace(pa.array(texts)), "number")
