"""What is asked of a transform, in the words of SageMaker's CreateTransformJob."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fasttrees._sagemaker import contract
from fasttrees._sagemaker.batch_transform.errors import TransformError

__all__ = ["LINE_TYPES", "MAX_CONCURRENT", "Job", "Limits", "media_type"]

MAX_CONCURRENT = 1 << 10  # threads; ours, because the service names no bound

#: Media types with one record a line, so that lines can be counted and joined.
LINE_TYPES = {contract.CSV, contract.JSON_LINES, contract.X_JSON_LINES, contract.LIBSVM, contract.X_LIBSVM}


def media_type(header: str | None) -> str:
    """Return the type of a Content-Type without its parameters."""
    return (header or "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Job:
    """A transform job; the attributes have the names and defaults of the API, where it has any.

    Attributes
    ----------
    content_type, accept : str or None
        Headers of each request.
    split_lines : bool
        SplitType: whether to cut files at line ends (``Line``); each is one request otherwise (``None``).
    assemble_lines : bool
        AssembleWith: whether each answer ends with a line end (``Line``), or is taken as it is (``None``).
    join_input : bool
        JoinSource: whether output lines begin with the input's.
    gzip : bool
        CompressionType: whether the files are to be unpacked.
    batch_strategy : str or None
        ``MultiRecord`` or ``SingleRecord``; None: asked of the server.
    max_payload_mb : int or None
        MaxPayloadInMB; None: asked of the server; 0: no limit.
    max_concurrent : int
        MaxConcurrentTransforms; 0: asked of the server.
    timeout : float
        InvocationsTimeoutInSeconds.
    max_retries : int
        InvocationsMaxRetries.
    """

    content_type: str = contract.CSV
    accept: str | None = None
    split_lines: bool = True
    assemble_lines: bool = False
    join_input: bool = False
    gzip: bool = False
    batch_strategy: str | None = None
    max_payload_mb: int | None = None
    max_concurrent: int = 0
    timeout: float = contract.INVOCATION_TIMEOUT
    max_retries: int = contract.MAX_RETRIES

    def __post_init__(self) -> None:
        if self.join_input and not (
            media_type(self.content_type) == contract.CSV and self.split_lines and self.assemble_lines
        ):
            raise TransformError("a join needs text/csv that is split and assembled by line")
        total = self.max_concurrent * (self.max_payload_mb or 0)
        if total > contract.MAX_PAYLOAD_MB:
            raise TransformError(
                f"the service takes at most {contract.MAX_PAYLOAD_MB} MB at once: expected MaxConcurrentTransforms x "
                f"MaxPayloadInMB up to {contract.MAX_PAYLOAD_MB}, got {total}"
            )

    def environment(self) -> dict[str, str]:
        """Collect the variables that the service sets in the container."""
        variables = {contract.BATCH: "true"}
        if self.max_payload_mb is not None:
            variables[contract.MAX_PAYLOAD_IN_MB] = str(self.max_payload_mb)
        if self.batch_strategy is not None:
            variables[contract.BATCH_STRATEGY] = contract.STRATEGIES[self.batch_strategy]
        if self.max_concurrent:
            variables[contract.MAX_CONCURRENT_TRANSFORMS] = str(self.max_concurrent)
        return variables


@dataclass(frozen=True)
class Limits:
    """How requests are made.

    Attributes
    ----------
    max_payload : int
        Bytes of a body; 0: no limit.
    max_concurrent : int
        Requests at the same time.
    single_record : bool
        Whether each request has one record.
    """

    max_payload: int
    max_concurrent: int
    single_record: bool = False

    @classmethod
    def resolve(cls, job: Job, answer: str | None) -> Limits:
        """Take each limit from the job, else from the server's answer to ``/execution-parameters``, else the default.

        Parameters
        ----------
        job : Job
        answer : str or None
            JSON; None if the server has no such route.
        """
        told = _read_answer(answer) if answer is not None else {}
        payload = (
            told.get("MaxPayloadInMB", contract.DEFAULT_PAYLOAD_MB)
            if job.max_payload_mb is None
            else job.max_payload_mb
        )
        default = told.get("BatchStrategy", contract.STRATEGIES[contract.DEFAULT_STRATEGY])
        strategy = contract.STRATEGIES[job.batch_strategy] if job.batch_strategy else default
        concurrent = job.max_concurrent or told.get("MaxConcurrentTransforms", contract.DEFAULT_CONCURRENT)
        return cls(payload * contract.MEGABYTE, concurrent, strategy == contract.STRATEGIES["SingleRecord"])


def _read_answer(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise TransformError(f"{contract.EXECUTION_PARAMETERS}: expected a JSON object, got {text[:60]!r}")
    for key, low, high in (
        ("MaxConcurrentTransforms", 1, MAX_CONCURRENT),
        ("MaxPayloadInMB", 0, contract.MAX_PAYLOAD_MB),
    ):
        if key in told and not (type(told[key]) is int and low <= told[key] <= high):
            raise _unexpected(key, f"a whole number from {low} to {high}", told[key])
    strategies = list(contract.STRATEGIES.values())
    if "BatchStrategy" in told and told["BatchStrategy"] not in strategies:
        raise _unexpected("BatchStrategy", " or ".join(strategies), told["BatchStrategy"])
    return told


def _unexpected(key: str, form: str, value: object) -> TransformError:
    return TransformError(f"{contract.EXECUTION_PARAMETERS}: {key}: expected {form}, got {value!r}")
