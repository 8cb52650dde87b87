"""What training, endpoint and Batch Transform share: names of jobs, and the model that is hosted."""

from __future__ import annotations

from fasttrees.pipeline.backend import Hosting
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.results import Trained
from fasttrees.pipeline.state import Record

__all__ = ["MODEL_NAME", "OUTPUT_PREFIX", "artifact_key", "hosting", "job_name"]

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
