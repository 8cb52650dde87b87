"""Joins the answers to parts to one file, in the order of the manifest."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fasttrees._runtime.atomic_file import open_output
from fasttrees._runtime.digest import sha256_of
from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._runtime.progress import SILENT, Progress
from fasttrees.sharding._errors import ShardError
from fasttrees.sharding._manifest import MANIFEST, PARTS, Manifest, Part
from fasttrees.sharding._shard import read_manifest
from fasttrees.sharding._stores import Store, open_store

__all__ = ["Gathered", "gather"]

BLOCK = 1 << 20
ENDING = ".out"  # that Batch Transform adds to the names of objects


@dataclass(frozen=True)
class Gathered:
    """What was joined.

    Attributes
    ----------
    n_parts, n_rows : int
    """

    n_parts: int
    n_rows: int


def gather(
    destination: str,
    outputs: str,
    target: str,
    join_input: bool = False,
    progress: Progress = SILENT,
    fail: Callable[[str], None] = lambda problem: None,
) -> Gathered:
    """Check that there is one whole answer to each part, none older than it, and nothing else, and join them.

    Parameters
    ----------
    destination : str
        What :func:`shard` was told, or the path of its manifest.
    outputs : str
        Folder or ``s3://bucket/prefix`` of the job's answers.
    target : str
        File to write, whole or not at all; ``-``: standard output, which gets the answers to the parts before the
        first whose count of rows is wrong.
    join_input : bool, default False
        Whether each line has the part's columns first.
    progress : Progress
    fail : callable
        Told each problem.

    Raises
    ------
    ShardError
        After all problems were told.
    """
    store = open_store(destination.removesuffix(f"/{MANIFEST}") if destination != MANIFEST else ".")
    answers = open_store(outputs)
    problems = 0

    def tell(problem: str) -> None:
        nonlocal problems
        problems += 1
        fail(problem)

    with tempfile.TemporaryDirectory(prefix="fasttrees-") as folder:
        scratch = Path(folder)
        manifest = _read_complete(store, scratch)
        _compare_names(manifest, answers, tell)
        if not problems:
            _compare_times(manifest, store, answers, tell)
        if problems:
            raise _refusal(answers, problems)
        with open_output(target) as output:
            n_bytes = n_rows = 0

            def fetch(part: Part) -> tuple[Part, Path, Path | None]:
                answer = answers.fetch(part.name + ENDING, scratch)
                return part, answer, store.fetch(PARTS + part.name, scratch) if join_input else None

            with closing(map_in_order(fetch, manifest.parts, answers.n_puts)) as fetched:
                for part, answer, rows in fetched:
                    found = _count_rows(answer)
                    if found != part.rows:
                        tell(f"{part.name}{ENDING}: expected {part.rows} rows, got {found}")
                    if rows and (sha256 := sha256_of(rows)) != part.sha256:
                        tell(f"{part.name}: expected SHA-256 {part.sha256}, as in the manifest, got {sha256}")
                    if not problems:
                        _write(answer, rows, output)
                    n_rows += part.rows
                    n_bytes += answer.stat().st_size
                    progress.advance("gather", n_bytes, None, "B", n_rows)
                    for path in (answer, rows):
                        if path and path.parent == scratch:
                            path.unlink()
            if problems:
                raise _refusal(answers, problems)
    return Gathered(len(manifest.parts), n_rows)


def _refusal(answers: Store, problems: int) -> ShardError:
    return ShardError(f"{answers.place}: {problems} problem{'' if problems == 1 else 's'}; nothing is gathered")


def _read_complete(store: Store, scratch: Path) -> Manifest:
    manifest = read_manifest(store, scratch)
    if manifest is None:
        raise ShardError(f"{store.place}: has no {MANIFEST}; expected what `fasttrees shard` has written")
    if not manifest.complete:
        raise ShardError(f"{store.place}: the shard did not end; run it again, and the job on all of its parts")
    return manifest


def _compare_names(manifest: Manifest, answers: Store, tell: Callable[[str], None]) -> None:
    found = answers.names()
    if manifest.parts and not found:
        raise ShardError(
            f"{answers.place}: has no answers; expected the job's S3OutputPath, or the folder of transform"
        )
    expected = {part.name + ENDING for part in manifest.parts}
    for name in sorted(expected - found):
        tell(f"{name}: is missing; the job may have failed on {name.removesuffix(ENDING)}")
    for name in sorted(found - expected):
        tell(f"{name}: is no answer to a part of the manifest; is it of another job?")


def _compare_times(manifest: Manifest, store: Store, answers: Store, tell: Callable[[str], None]) -> None:
    """Find answers that an earlier job has left: a job that fails may leave them, and their counts may be the same."""
    if type(store) is not type(answers):
        return  # two clocks
    put, answered = store.times(PARTS), answers.times()
    for part in manifest.parts:
        name = part.name + ENDING
        if part.name in put and answered[name] < int(put[part.name]):  # some file systems tell whole seconds
            tell(
                f"{name}: is older than {store.place}/{PARTS}{part.name}, so of an earlier job; run the job again "
                "(or touch the answers, if the parts were only copied)"
            )


def _count_rows(path: Path) -> int:
    """Count the lines of a file; the last one may lack its end."""
    n_rows, last = 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            n_rows += block.count(b"\n")
            last = block[-1:]
    return n_rows + (last not in (b"", b"\n"))


def _write(answer: Path, rows: Path | None, output: BinaryIO) -> None:
    """Write an answer, its last line ended, with the part's columns before each line if they are wanted."""
    with answer.open("rb") as lines:
        if rows is None:
            shutil.copyfileobj(lines, output, BLOCK)
            if lines.tell() and _last_byte(answer) != b"\n":
                output.write(b"\n")
            return
        with gzip.open(rows) if rows.name.endswith(".gz") else rows.open("rb") as inputs:
            for row, line in zip(inputs, lines, strict=True):
                output.write(row.rstrip(b"\r\n") + b"," + line.rstrip(b"\r\n") + b"\n")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1)
