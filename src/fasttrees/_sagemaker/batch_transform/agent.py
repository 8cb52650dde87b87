"""The work of Batch Transform's agent: files to mini-batches to requests, answers in order to files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import groupby
from typing import BinaryIO, NamedTuple

from fasttrees._runtime.atomic_file import open_output
from fasttrees._runtime.ordered_map import map_in_order
from fasttrees._runtime.progress import SILENT, Progress
from fasttrees._sagemaker.batch_transform.client import Answer, Client
from fasttrees._sagemaker.batch_transform.errors import TransformError
from fasttrees._sagemaker.batch_transform.job import LINE_TYPES, Job, Limits, media_type
from fasttrees._sagemaker.batch_transform.objects import DataObject
from fasttrees._sagemaker.batch_transform.split import MiniBatch, WholeFile, split
from fasttrees._sagemaker.batch_transform.summary import Summary
from fasttrees._sagemaker.contract import MEGABYTE

__all__ = ["transform"]


class _Task(NamedTuple):
    """A mini-batch of a file; none marks the file's end."""

    owner: DataObject
    batch: MiniBatch | None
    position: int


class _Done(NamedTuple):
    """A task with its answer; none if there was nothing to send, or if the file has failed."""

    task: _Task
    answer: Answer | None


def transform(
    objects: list[DataObject],
    client: Client,
    job: Job,
    start_timeout: float = 300,
    progress: Progress = SILENT,
    fail: Callable[[str], None] = lambda message: None,
) -> Summary:
    """Send all files to a server and write its answers.

    Parameters
    ----------
    objects : list of DataObject
    client : Client
        Closed in the end.
    job : Job
    start_timeout : float
        Seconds that the server may take until it is healthy.
    progress : Progress
    fail : callable
        Told of each file that failed, with the reason.
    """
    with closing(client):
        start_seconds = client.wait_until_healthy(start_timeout)
        limits = Limits.resolve(job, client.execution_parameters())
        agent = _Agent(client, job, limits)
        started = time.monotonic()
        agent.run(objects, progress, fail)
        seconds = time.monotonic() - started
    return Summary(
        files=len(objects),
        failed_files=sum(item.failure is not None for item in objects),
        rows=agent.n_rows,
        input_bytes=sum(item.size for item in objects if item.failure is None),
        output_bytes=agent.n_bytes_out,
        seconds=seconds,
        start_seconds=start_seconds,
        requests=client.requests.n_requests,
        retries=client.requests.n_retries,
        p50_seconds=client.requests.quantile(0.5),
        p99_seconds=client.requests.quantile(0.99),
        max_concurrent_transforms=limits.max_concurrent,
        max_payload_in_mb=limits.max_payload / MEGABYTE,
        batch_strategy="SINGLE_RECORD" if limits.single_record else "MULTI_RECORD",
    )


class _Agent:
    """One job, once its limits are known.

    Attributes
    ----------
    n_rows : int
        Lines of the input that were answered, where lines are records.
    n_bytes_out : int
    """

    def __init__(self, client: Client, job: Job, limits: Limits) -> None:
        self.n_rows = 0
        self.n_bytes_out = 0
        self._client = client
        self._job = job
        self._limits = limits
        self._has_lines = media_type(job.content_type) in LINE_TYPES

    def run(self, objects: list[DataObject], progress: Progress, fail: Callable[[str], None]) -> None:
        """Transform all files."""
        n_bytes, n_total = 0, sum(item.size for item in objects)  # of the files before, and of all
        answers = map_in_order(self._invoke, self._tasks(objects), self._limits.max_concurrent, self._client.close)
        with closing(answers):
            # All answers of a file come before any of the next, so one output is open at a time.
            for owner, group in groupby(answers, lambda done: done.task.owner):
                try:
                    n_rows = 0
                    for position, n_rows in self._write(owner, group):
                        progress.advance("transform", n_bytes + position, n_total, "B", self.n_rows + n_rows)
                    self.n_rows += n_rows
                except TransformError as error:
                    owner.failure = error
                    fail(f"{owner.name}: {error}")
                    with suppress(FileNotFoundError):
                        os.unlink(owner.output)  # an earlier job's, which must not be taken for this one's
                n_bytes += owner.size

    def _tasks(self, objects: list[DataObject]) -> Iterator[_Task]:
        """Cut the files into mini-batches."""
        for owner in objects:
            try:
                for batch, position in split(owner.path, self._job, self._limits):
                    if owner.failure is not None:
                        break
                    yield _Task(owner, batch, position)
            except (TransformError, OSError) as error:
                owner.failure = error if isinstance(error, TransformError) else TransformError(error.strerror)
            yield _Task(owner, None, owner.size)

    def _invoke(self, task: _Task) -> _Done:
        """Get the answer to a mini-batch; runs in threads."""
        owner, batch, _ = task
        if batch is None or owner.failure is not None:
            return _Done(task, None)
        try:
            answer = self._client.invoke(batch, chunked=not self._limits.max_payload)
            self._check_rows(batch, answer)
        except TransformError as error:
            owner.failure = owner.failure or TransformError(f"{self._place(batch)}{error}")
            return _Done(task, None)
        return _Done(task, answer)

    def _check_rows(self, batch: MiniBatch, answer: Answer) -> None:
        """Refuse an answer with another number of rows, where lines are rows or are to be joined."""
        kind = media_type(answer.content_type) or media_type(self._job.accept) or media_type(self._job.content_type)
        counts = self._has_lines and (kind in LINE_TYPES or self._job.join_input)
        if counts and answer.n_lines != batch.n_lines:
            answer.body.close()
            raise TransformError(f"expected {batch.n_lines:,} lines in the answer, got {answer.n_lines:,}")

    def _place(self, batch: MiniBatch) -> str:
        """Describe which lines of its file a mini-batch has."""
        if not self._job.split_lines or isinstance(batch, WholeFile):
            return ""
        last = batch.first_line + batch.n_lines - 1
        return f"line {last:,}: " if last == batch.first_line else f"lines {batch.first_line:,} to {last:,}: "

    def _write(self, owner: DataObject, group: Iterator[_Done]) -> Iterator[tuple[int, int]]:
        """Write a file's answers; yield how many bytes and rows of the file are done."""
        os.makedirs(os.path.dirname(owner.output) or ".", exist_ok=True)
        n_rows = 0
        lacks_line_end = False
        with open_output(owner.output) as file:
            for (_, batch, position), answer in group:
                if owner.failure is not None:
                    raise owner.failure
                if batch is not None and answer is not None:
                    if lacks_line_end:
                        raise TransformError(
                            f"{self._place(batch)}the answer before has no final line end, so that its last line would "
                            "run into the first of this one: --assemble-with Line mends it"
                        )
                    with answer.body:
                        self._append(file, batch, answer)
                    lacks_line_end = self._has_lines and not self._job.assemble_lines and answer.lacks_line_end
                    n_rows += batch.n_lines * self._has_lines
                yield position, n_rows
            self.n_bytes_out += file.tell()

    def _append(self, file: BinaryIO, batch: MiniBatch, answer: Answer) -> None:
        if self._job.join_input:
            with batch.open() as records:
                for record, row in zip(records, answer.body, strict=True):
                    file.write(record.rstrip(b"\r\n") + b"," + row.rstrip(b"\r\n") + b"\n")
            return
        shutil.copyfileobj(answer.body, file)
        if self._job.assemble_lines and answer.lacks_line_end:
            file.write(b"\n")
