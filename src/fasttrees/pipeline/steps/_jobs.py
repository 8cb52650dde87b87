"""What training, endpoint and Batch Transform share: names of jobs, and the model to host."""

from __future__ import annotations

from collections.abc import Callable

from fasttrees.pipeline.backend import Hosting, JobOutcome
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.errors import JobFailedError
from fasttrees.pipeline.results import Trained
from fasttrees.pipeline.state import Record

__all__ = ["MODEL_NAME", "OUTPUT_PREFIX", "artifact_key", "hosting", "job_name", "run_job"]

OUTPUT_PREFIX = "model/output"
MODEL_NAME = "model.txt"


def job_name(context: Context, record: Record) -> str:
    """Name a job by what it depends on, so that a repeated step finds it; after a failed one comes another name."""
    return f"{context.name}-{record.key[:8]}" + (f"-{record.attempt}" if record.attempt else "")


def artifact_key(job: str) -> str:
    return f"{OUTPUT_PREFIX}/{job}/output/model.tar.gz"


def hosting(context: Context, trained: Trained) -> Hosting:
    config = context.config
    own = config.train.serving_image_is_own
    return Hosting(
        name=context.name,
        image=config.train.image if own else config.deploy.image,
        artifact_key=artifact_key(trained.job),
        model_key="" if own else config.model_key,
        environment=config.deploy.environment,
    )


def run_job(
    context: Context, record: Record, kind: str, run: Callable[[str], JobOutcome], output: Callable[[str], str]
) -> tuple[str, JobOutcome]:
    """Run a job, or take the one of its name; another one if that has ended and its output is gone.

    SageMaker keeps the record of a job when cleanup has deleted its output, and with it the name.

    Parameters
    ----------
    context : Context
    record : Record
    kind : str
        ``training`` or ``transform``.
    run : callable
        Runs the job of a name.
    output : callable
        Prefix of what the job of a name writes.

    Returns
    -------
    tuple of str and JobOutcome
        Its name, and how it ended.
    """
    while True:
        name = job_name(context, record)
        context.progress.say(f"{kind} job {name}")
        outcome = run(name)
        if context.backend.find_objects(output(name)):
            return name, outcome
        if not outcome.earlier:
            raise JobFailedError(f"{kind} job {name} has ended, but what it wrote is gone; run the step again")
        context.progress.say(f"{kind} job {name} was over before, and what it wrote is gone: another is run")
        record.attempt += 1
