"""Record which steps of a pipeline are done, in a JSON file beside the data, so that a second run skips them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fasttrees._runtime.atomic_file import replacing
from fasttrees.pipeline.errors import JobFailedError, PipelineError

__all__ = ["Record", "State", "fingerprint"]

R = TypeVar("R", bound=BaseModel)


class Record(BaseModel):
    """A step as it was last done.

    Attributes
    ----------
    status : str
        ``running`` is also what an interrupted step leaves.
    key : str
        Fingerprint of all that the step depends on; another key: the step is to be done again.
    attempt : int
        From 0; counts the jobs of this key that have failed, since their names are used up.
    started, ended : str
        ISO 8601, UTC; `ended` is empty until then.
    error : str
        Of a failed step.
    result : dict
        Of a step that is done.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["running", "done", "failed"]
    key: str
    attempt: int = 0
    started: str = ""
    ended: str = ""
    error: str = ""
    result: dict[str, Any] = {}

    def finish(self, result: R) -> R:
        """Keep the result of the step that is recorded, and return it."""
        self.result = result.model_dump()
        return result


class States(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    steps: dict[str, Record] = {}


class State:
    """The records of a folder's steps.

    Parameters
    ----------
    folder : Path
        ``state.json`` lies in it.

    Raises
    ------
    PipelineError
        If the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"
        self._states = States()
        try:
            self._states = States.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            pass
        except ValidationError as error:
            raise PipelineError(
                f"{self.path}: not a state that this version has written ({error.error_count()} errors); move the file "
                "away, and the steps will find out again what is there"
            ) from error

    def find(self, step: str) -> Record | None:
        """Return the record of a step."""
        return self._states.steps.get(step)

    @contextmanager
    def recording(self, step: str, key: str) -> Iterator[Record]:
        """Record a step while it runs: what the block puts into `result` when it ends, or that it failed."""
        before = self.find(step)
        attempt = 0
        if before is not None and before.key == key:
            attempt = before.attempt
        record = Record(status="running", key=key, attempt=attempt, started=_now())
        self._put(step, record)
        try:
            yield record
        except Exception as error:
            record.status, record.error = "failed", str(error)
            record.attempt += isinstance(error, JobFailedError)
            record.ended = _now()
            self._put(step, record)
            raise
        record.status, record.ended = "done", _now()
        self._put(step, record)

    def forget(self, step: str = "") -> None:
        """Forget a step, or all of them."""
        if step:
            if self._states.steps.pop(step, None) is not None:
                self._write()
            return
        self._states = States()
        self.path.unlink(missing_ok=True)

    def _put(self, step: str, record: Record) -> None:
        self._states.steps[step] = record
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as file:
            file.write(self._states.model_dump_json(indent=1).encode())


def fingerprint(*parts: object) -> str:
    """Return a digest of values that JSON can hold: the same values, the same text of 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
