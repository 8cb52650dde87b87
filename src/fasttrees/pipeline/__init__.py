"""From a raw table to predictions, and back to nothing: on this machine or on SageMaker: docs/how-to/pipeline.md."""

from fasttrees._runtime.progress import Progress, Silent
from fasttrees.pipeline.commands import (
    cleanup,
    deploy,
    find_costs,
    find_resources,
    invoke,
    prepare,
    run,
    status,
    train,
    transform,
    upload,
)
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import ConfigError, JobFailedError, PipelineError
from fasttrees.pipeline.results import (
    CleanedUp,
    Deployed,
    Invoked,
    Prepared,
    Resource,
    Trained,
    Transformed,
    Uploaded,
)
from fasttrees.pipeline.template import template

__all__ = [
    "CleanedUp",
    "Config",
    "ConfigError",
    "Deployed",
    "Invoked",
    "JobFailedError",
    "PipelineError",
    "Prepared",
    "Progress",
    "Resource",
    "Silent",
    "Trained",
    "Transformed",
    "Uploaded",
    "cleanup",
    "deploy",
    "find_costs",
    "find_resources",
    "invoke",
    "prepare",
    "run",
    "status",
    "template",
    "train",
    "transform",
    "upload",
]
