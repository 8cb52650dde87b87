"""The steps of a pipeline: plain functions of a :class:`~fasttrees.pipeline.context.Context`.

Each does only what is missing and returns its result; it depends on the results of those before it. All raise
:class:`~fasttrees.pipeline.errors.PipelineError` with what stands in the way and how to go on. docs/how-to/pipeline.md
describes what they do.
"""

from fasttrees.pipeline.steps._data import prepare, upload
from fasttrees.pipeline.steps._hosting import deploy, invoke, transform
from fasttrees.pipeline.steps._lifecycle import cleanup, find_costs, find_resources, run, status
from fasttrees.pipeline.steps._training import train

__all__ = [
    "cleanup",
    "deploy",
    "find_costs",
    "find_resources",
    "invoke",
    "prepare",
    "run",
    "status",
    "train",
    "transform",
    "upload",
]
