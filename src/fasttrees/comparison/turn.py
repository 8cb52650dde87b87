"""A turn: the life of a server, in which all its figures are taken."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fasttrees._sagemaker.batch_transform import Client, Job, Summary, find_objects, transform
from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.one_row import measure_one_row, warm_up
from fasttrees.comparison.processes import peak_of, running_on
from fasttrees.comparison.results import Bulk, Turn
from fasttrees.comparison.rows import LARGE_MB, Bodies
from fasttrees.comparison.servers import Running, ServerKind

__all__ = ["take_turn"]

REST = 0.3  # seconds after requests, until memory is idle


def take_turn(
    number: int,
    name: str,
    kind: ServerKind,
    cpus: list[int],
    workers: int,
    bodies: Bodies,
    seconds: float,
    out: Path,
) -> Turn:
    """Start a server, measure it and stop it.

    Parameters
    ----------
    number : int
        Of the round.
    name : str
        Of the server.
    kind : ServerKind
    cpus : list of int
        On which it runs; what sends has the others, or all where there are none.
    workers : int
    bodies : Bodies
    seconds : float
        For how long requests are sent at least, for each figure.
    out : Path
        Folder for the answers.
    """
    load = os.getloadavg()[0]
    all_cpus = os.sched_getaffinity(0)
    with kind.start(set(cpus), workers) as running, running_on(all_cpus - set(cpus) or all_cpus):
        url = running.server.url
        warm_up(url, bodies.singles)
        time.sleep(REST)
        idle = running.tree.memory()
        one_row = measure_one_row(url, bodies.singles, seconds)
        with running.tree.watching_memory() as samples:
            _send(running, bodies.large, LARGE_MB, 1, out)
        bulk = _measure_bulk(running, bodies, len(cpus), seconds, out)
    return Turn(
        round=number,
        contender=name,
        cores=len(cpus),
        load_before=load,
        start_seconds=running.seconds,
        idle=idle,
        one_row=one_row,
        bulk=bulk,
        peak=peak_of(samples),
    )


def _measure_bulk(running: Running, bodies: Bodies, cores: int, seconds: float, out: Path) -> Bulk:
    """Transform the rows, again and again, with as many requests at the same time as there are cores."""
    rows = size = 0
    passed = 0.0
    before = running.tree.cpu_seconds()
    while passed < seconds:
        summary = _send(running, bodies.bulk, bodies.payload_mb, cores, out)
        rows, size, passed = rows + summary.rows, size + summary.input_bytes, passed + summary.seconds
    return Bulk(rows=rows, bytes=size, seconds=passed, cpu_seconds=running.tree.cpu_seconds() - before)


def _send(running: Running, file: Path, payload_mb: int, max_concurrent: int, out: Path) -> Summary:
    # By line, as CSV is assembled: not every server ends its last line.
    job = Job(max_payload_mb=payload_mb, max_concurrent=max_concurrent, max_retries=0, assemble_lines=True)
    problems: list[str] = []
    client = Client(running.server.url, job, running.server.check)
    summary = transform(find_objects(str(file), str(out)), client, job, fail=problems.append)
    if problems:
        raise ComparisonError(f"{problems[0]}; the rows must be CSV without a header, with the model's columns")
    return summary
