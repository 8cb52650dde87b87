"""The context of a run, which all its steps share: configuration, backend, and what is done already."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from fasttrees._runtime.progress import Progress, Silent
from fasttrees.pipeline.backend import Backend
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import PipelineError
from fasttrees.pipeline.results import Result
from fasttrees.pipeline.state import Record, State, fingerprint

__all__ = ["Context"]

R = TypeVar("R", bound=Result)


class Context:
    """A run of a pipeline, of one step or all: one backend, one session of boto3, the state read once.

    Parameters
    ----------
    config : Config
    progress : Progress or None, default None
        None: silent.

    Attributes
    ----------
    name : str
        ``{project}-{experiment}``: of the endpoint, and the beginning of the jobs' names.
    """

    def __init__(self, config: Config, progress: Progress | None = None) -> None:
        self.config = config
        self.progress = progress or Silent()
        self.name = f"{config.pipeline.project}-{config.pipeline.experiment}"
        self._states: dict[Path, State] = {}
        self._is_locked = False

    @cached_property
    def backend(self) -> Backend:
        """Where it runs; imported only when a step needs it, because boto3 takes long to import."""
        if self.config.pipeline.backend == "aws":
            from fasttrees.pipeline.aws import AwsBackend
            from fasttrees.pipeline.costs import check_instances

            check_instances(self.config)
            return AwsBackend(self.config)
        from fasttrees.pipeline.local import LocalBackend

        return LocalBackend(self.config)

    def state(self, step: str) -> State:
        """Return the state that holds a step, read once: what is prepared serves all backends."""
        folder = self.config.directory if step == "prepare" else self.config.folder
        if folder not in self._states:
            self._states[folder] = State(folder)
        return self._states[folder]

    def find(self, step: str, kind: type[R], key: str | None = None) -> R | None:
        """Return the result of a step that is done, if it was done for this key (None: for any)."""
        record = self.state(step).find(step)
        if record is None or record.status != "done" or key not in (None, record.key):
            return None
        return kind.model_validate(record.result)

    def require(self, step: str, kind: type[R]) -> R:
        """Return the result of a step that this one depends on.

        Raises
        ------
        PipelineError
            If it is not done, or was done with another configuration or other data.
        """
        record = self.state(step).find(step)
        result = self.find(step, kind)
        how = f"`fasttrees pipeline {step}` does it, `fasttrees pipeline run` all that is missing"
        if record is None or result is None:
            why = f"has failed: {record.error}" if record is not None and record.error else "is not done"
            raise PipelineError(f"step {step} {why}; {how}")
        if record.key != self.key(step):
            raise PipelineError(f"step {step} was done with another configuration or other data; {how}")
        return result

    def key(self, step: str) -> str:
        """Return the fingerprint of all that a step depends on, the steps before it included."""
        config = self.config
        if step == "prepare":
            try:
                raw = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in config.raw_files]
            except FileNotFoundError:  # no longer needed once it is prepared
                record = self.state(step).find(step)
                return record.key if record is not None and record.status == "done" else ""
            return fingerprint(raw, config.prepare.model_dump())
        if step == "upload":
            return fingerprint(self.key("prepare"), self.backend.bucket_uri, self._aws("kms_key"))
        if step == "train":
            return fingerprint(self.key("upload"), config.train.model_dump())
        if step == "deploy":
            around = self._aws("role", "subnets", "security_groups")
            return fingerprint(self.key("train"), config.deploy.model_dump(), around)
        served = config.deploy.model_dump(include={"image", "environment"})
        return fingerprint(self.key("train"), served, config.transform.model_dump())

    def _aws(self, *keys: str) -> dict[str, object]:
        """Return settings of the account; none for other backends."""
        return self.config.aws.model_dump(include=set(keys)) if self.config.pipeline.backend == "aws" else {}

    def is_done(self, step: str) -> bool:
        """Return whether a step is recorded as done for the present configuration and data."""
        record = self.state(step).find(step)
        return record is not None and record.status == "done" and record.key == self.key(step)

    def reuse(self, step: str, kind: type[R], exists: Callable[[Context, R], bool]) -> R | None:
        """Return the result of a step that was done for the same key, if `exists` finds what it made; else None."""
        earlier = self.find(step, kind, self.key(step))
        if earlier is None or not exists(self, earlier):
            return None
        self.progress.say(f"{step}: done before, nothing has changed")
        return earlier

    @contextmanager
    def recording(self, step: str) -> Iterator[Record]:
        """Record a step while the block does it; no other command may work in the folder meanwhile.

        The block keeps its result by ``record.finish``; the record's attempt counts the jobs of this key that failed.
        """
        key = self.key(step)
        self._tell_of_left_job(step, key)
        with self.locked(), self.state(step).recording(step, key) as record:
            try:
                yield record
            except OSError as error:  # such as a full disk, about which the system says no more
                place = error.filename or self.config.directory
                reason = error.strerror or error
                raise PipelineError(f"step {step}: {place}: {reason}; once that is mended, run it again") from error

    def _tell_of_left_job(self, step: str, key: str) -> None:
        """Report that a job may still run and cost money: of a step that did not end, before a change."""
        record = self.state(step).find(step)
        if record is None or record.status == "done" or record.key == key or step not in ("train", "transform"):
            return
        if self.backend.region:
            self.progress.say(
                f"{step}: did not end with the configuration or data of before; a job that it began may still run and "
                "cost money: `fasttrees pipeline cleanup --dry-run` lists it"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from working in the folder; the lock goes with the process, however it ends.

        Blocks may be nested. What is known of the state is read again when the lock is taken.
        """
        if self._is_locked:
            yield
            return
        self.config.directory.mkdir(parents=True, exist_ok=True)
        with open(self.config.directory / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PipelineError(
                    f"{self.config.directory}: another command is at work there; wait for it, or end it"
                ) from error
            self._states.clear()
            self._is_locked = True
            try:
                yield
            finally:
                self._is_locked = False

    def forget(self, everything: bool) -> None:
        """Forget the endpoint, or everything."""
        if not everything:
            self.state("deploy").forget("deploy")
            return
        self.state("deploy").forget()
        self.state("prepare").forget()
        (self.config.directory / ".lock").unlink(missing_ok=True)
