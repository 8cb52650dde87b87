"""Logs of containers, read from CloudWatch while they grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from fasttrees._aws.errors import ignoring_missing
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.errors import PipelineError

__all__ = ["ENDPOINTS", "TRAINING_JOBS", "TRANSFORM_JOBS", "LogTail", "find_streams"]

# Log groups by SageMaker's guide, "CloudWatch Logs for Amazon SageMaker AI"; the streams of a job begin with its name
# and "/", an endpoint has a group of its own.
TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
TRANSFORM_JOBS = "/aws/sagemaker/TransformJobs"
ENDPOINTS = "/aws/sagemaker/Endpoints"
LAST = 10  # lines that an error shows


def find_streams(logs: Any, group: str, prefix: str = "") -> list[str]:
    """List the streams of a log group whose names begin with `prefix`; none if there is no such group."""
    request = {"logGroupName": group, **({"logStreamNamePrefix": prefix} if prefix else {})}
    found: list[str] = []
    with ignoring_missing():
        for page in logs.get_paginator("describe_log_streams").paginate(**request):
            found += [stream["logStreamName"] for stream in page["logStreams"]]
    return found


class LogTail:
    """Returns the lines of some log streams, each once.

    A log that cannot be read never stops a running job: the first error becomes a line, and later calls try again.

    Parameters
    ----------
    group, prefix : str
        Log group, and prefix of the names of its streams.
    step : str
        The policy that grants the reading.
    """

    def __init__(self, account: Account, group: str, prefix: str, step: str) -> None:
        self._account = account
        self._group = group
        self._prefix = prefix
        self._step = step
        self._last: deque[str] = deque(maxlen=LAST)
        self._tokens: dict[str, str] = {}
        self._refused = False

    def read(self) -> Iterator[str]:
        """Yield the lines since the last call."""
        for line in self._lines(self._read_stream):
            self._last.append(line)
            yield line

    def end(self) -> list[str]:
        """Return the last lines that were read, or those of the streams if none was read."""
        return list(self._last) or list(self._lines(self._read_end))[-LAST:]

    def _lines(self, read: Callable[[Any, str], Iterator[str]]) -> Iterator[str]:
        """Yield what `read` yields for each stream; if it fails, once the reason."""
        try:
            with explaining(f"log group {self._group}", self._step):
                logs = self._account.client("logs")
                streams = find_streams(logs, self._group, self._prefix)
                for stream in streams:
                    label = f"{stream.removeprefix(self._prefix)}: " if len(streams) > 1 else ""
                    for message in read(logs, stream):
                        yield f"{label}{message}"
        except PipelineError as error:
            if not self._refused:
                self._refused = True
                yield f"the log cannot be shown: {error}"

    def _read_end(self, logs: Any, stream: str) -> Iterator[str]:
        page = logs.get_log_events(logGroupName=self._group, logStreamName=stream, startFromHead=False, limit=LAST)
        for event in page["events"]:
            yield event["message"].rstrip()

    def _read_stream(self, logs: Any, stream: str) -> Iterator[str]:
        """Yield the new lines of a stream: its end is where the token no longer changes."""
        while True:
            token = self._tokens.get(stream)
            page = logs.get_log_events(
                logGroupName=self._group,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            self._tokens[stream] = page["nextForwardToken"]
            for event in page["events"]:
                yield event["message"].rstrip()
            if page["nextForwardToken"] == token:
                return
