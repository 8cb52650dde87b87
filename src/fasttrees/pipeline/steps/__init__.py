"""The steps of a pipeline. Each does only what is missing, returns what there is then, and builds on those before it.

All take the configuration, and a display of progress (None: silent); all raise
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
