"""What a step of the pipeline raises on purpose."""

from __future__ import annotations

from fasttrees.errors import FastTreesError

__all__ = ["ConfigError", "JobFailedError", "PipelineError"]


class PipelineError(FastTreesError):
    """A step that cannot be done; the message says what stands in the way and how to go on."""


class ConfigError(PipelineError, ValueError):
    """A value of the configuration file, or of a step's argument, that does not fit."""


class JobFailedError(PipelineError):
    """A job that ran and ended badly: the next try must be another job. Any other error leaves the job as it is."""
