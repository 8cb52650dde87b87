"""Wait for training jobs and transform jobs, and explain their failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.logs import LogTail
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.requests import SETTLING
from fasttrees.pipeline.errors import JobFailedError, PipelineError

__all__ = ["ENDED", "Job", "attended", "console_url", "finish", "log_lines"]

ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Job:
    """A job of SageMaker, whatever its kind.

    Attributes
    ----------
    kind : str
        ``training`` or ``transform``, as the API and the AWS command line name it.
    name : str
    step : str
        Command of the pipeline that runs it, and policy that grants it.
    log_group : str
    describe : callable
        The service's description; None: there is no job of this name.
    """

    kind: str
    name: str
    step: str
    log_group: str
    describe: Callable[[], dict[str, Any] | None]

    def __str__(self) -> str:
        return f"{self.kind} job {self.name}"

    def status(self, description: dict[str, Any]) -> str:
        """Return the status: ``InProgress``, ``Stopping``, or one of `ENDED`."""
        return str(description[f"{self.kind.capitalize()}JobStatus"])

    def console(self, account: Account) -> str:
        """Return the URL of its page in the AWS console."""
        return console_url(account, "jobs" if self.kind == "training" else "transform-jobs", self.name)

    def tail(self, account: Account) -> LogTail:
        """Return its log."""
        return LogTail(account, self.log_group, f"{self.name}/", self.step)


def finish(
    job: Job,
    description: dict[str, Any] | None,
    account: Account,
    poller: Poller,
    timeout: float,
    progress: Progress,
) -> dict[str, Any] | None:
    """Wait until a job has ended, showing its status and its log.

    Parameters
    ----------
    description : dict or None
        The service's last description; None: the job was just created.
    timeout : float
        Seconds.

    Returns
    -------
    dict or None
        The service's description of the completed job; None: it has not ended in time.

    Raises
    ------
    JobFailedError
        If it failed or was stopped, with the reason and the end of its log.
    """
    tail = job.tail(account)
    if description is None or job.status(description) not in ENDED:
        stop = f"aws sagemaker stop-{job.kind}-job --{job.kind}-job-name {job.name}"
        with attended(str(job), stop, job.step, progress):
            description = _watch(job, tail, poller, timeout, progress)
        if description is None:
            return None
        poller.sleep(poller.interval)  # the last lines reach CloudWatch after the job's end
        _show(tail, progress)
    if job.status(description) != "Completed":
        raise JobFailedError(_failure(job, description, account, tail))
    return description


@contextmanager
def attended(what: str, stop: str, step: str, progress: Progress) -> Iterator[None]:
    """Report that a job or endpoint goes on if waiting for it ends early.

    Parameters
    ----------
    what : str
    stop : str
        Command that ends it.
    step : str
        Command of the pipeline that waits again.
    """
    try:
        yield
    except (KeyboardInterrupt, PipelineError):
        progress.say(
            f"{what} goes on without being watched, and costs money: `fasttrees pipeline {step}` waits for it again, "
            f"`{stop}` ends it"
        )
        raise


def console_url(account: Account, page: str, name: str) -> str:
    """Return the URL of a resource of SageMaker in the AWS console."""
    return f"https://{account.region}.console.aws.amazon.com/sagemaker/home?region={account.region}#/{page}/{name}"


def log_lines(tail: LogTail) -> str:
    """Return the end of a log, to be appended to an error's text."""
    return "".join(f"\n    {line}" for line in tail.end())


def _watch(job: Job, tail: LogTail, poller: Poller, timeout: float, progress: Progress) -> dict[str, Any] | None:
    """Show what a job does until it has ended; None: not in time."""
    shown = ""
    for elapsed in poller.rounds(timeout):
        description = job.describe()
        if description is None:
            if elapsed < SETTLING:
                continue
            raise PipelineError(f"{job} is gone: deleted meanwhile? `fasttrees pipeline {job.step}` runs another")
        if job.status(description) in ENDED:
            return description
        if (stage := _stage(job, description)) != shown:
            progress.say(f"{job}: {stage}")
            shown = stage
        _show(tail, progress)
        progress.advance(f"{job}: {description.get('SecondaryStatus', 'InProgress')}", int(elapsed), None, "seconds")
    return None


def _show(tail: LogTail, progress: Progress) -> None:
    for line in tail.read():
        progress.say(line)


def _stage(job: Job, description: dict[str, Any]) -> str:
    """Return what a running job does; SageMaker describes it in detail for training jobs only."""
    transitions = description.get("SecondaryStatusTransitions") or [{}]
    stage = description.get("SecondaryStatus", job.status(description))
    message = transitions[-1].get("StatusMessage", "")
    return f"{stage}: {message}" if message else str(stage)


def _failure(job: Job, description: dict[str, Any], account: Account, tail: LogTail) -> str:
    """Return why a job failed or was stopped, and how to go on."""
    status = job.status(description).lower()
    if reason := description.get("FailureReason"):
        cause = f"{status}: {' '.join(reason.split())}"
    elif description.get("SecondaryStatus") == "MaxRuntimeExceeded":
        cause = f"{status} after {description['StoppingCondition']['MaxRuntimeInSeconds']} s: train.max_runtime_minutes"
    else:
        cause = status
    if artifact := description.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        cause += f"; what it had written by then is {artifact}"
    return (
        f"{job} has {cause}; see {job.console(account)}; once the cause is removed, "
        f"`fasttrees pipeline {job.step}` starts another job{log_lines(tail)}"
    )
