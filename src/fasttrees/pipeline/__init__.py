"""From a raw table to predictions, and back to nothing: on this machine or on SageMaker. See docs/pipeline.md."""

from fasttrees.pipeline.config import Config
from fasttrees.pipeline.errors import ConfigError, PipelineError
from fasttrees.pipeline.progress import Progress, Silent

__all__ = ["Config", "ConfigError", "PipelineError", "Progress", "Silent"]
