"""The public functions of the pipeline: each makes the context of one run and does a step, or all, in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fasttrees._runtime.progress import Progress
from fasttrees.pipeline import steps as all_steps
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.costs import CostLine
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


def prepare(config: Config, progress: Progress | None = None) -> Prepared:
    """Turn the raw table into headerless CSV, the target first."""
    return all_steps.prepare(Context(config, progress))


def upload(config: Config, progress: Progress | None = None) -> Uploaded:
    """Put the raw table and what was prepared into the bucket."""
    return all_steps.upload(Context(config, progress))


def train(config: Config, progress: Progress | None = None) -> Trained:
    """Train a model, fetch its report, and put ``model.txt`` where servers fetch it."""
    return all_steps.train(Context(config, progress))


def deploy(config: Config, progress: Progress | None = None) -> Deployed:
    """Bring an endpoint into service."""
    return all_steps.deploy(Context(config, progress))


def invoke(
    config: Config,
    progress: Progress | None = None,
    *,
    row: int = 0,
    prepared: bool = False,
    sample: Mapping[str, object] | None = None,
) -> Invoked:
    """Ask the endpoint about one sample.

    Parameters
    ----------
    config : Config
    progress : Progress or None
    row : int, default 0
        Which of the test's samples, from 0.
    prepared : bool, default False
        Send the row as prepare has written it; else its raw cells are prepared now, as a caller would.
    sample : mapping or None, default None
        Cells by column of a raw row to send in place of a sample of the test.
    """
    return all_steps.invoke(Context(config, progress), row=row, prepared=prepared, sample=sample)


def transform(config: Config, progress: Progress | None = None) -> Transformed:
    """Score all test rows by a Batch Transform, and evaluate the predictions."""
    return all_steps.transform(Context(config, progress))


def run(config: Config, progress: Progress | None = None) -> Transformed:
    """Do all steps from the raw table to the report, and ask the endpoint about one sample."""
    return all_steps.run(Context(config, progress))


def find_costs(config: Config, steps: Sequence[str] = ("train", "deploy", "transform")) -> list[CostLine]:
    """Return the costs of steps that will be done: not done yet, or what they made is gone; none for "local"."""
    return all_steps.find_costs(Context(config), steps)


def status(config: Config) -> list[dict[str, str]]:
    """Return what is recorded of each step: name, status, when, and a summary of its result or error."""
    return all_steps.status(Context(config))


def find_resources(config: Config, everything: bool = False) -> tuple[list[Resource], list[Resource]]:
    """Return what :func:`cleanup` would delete, and what it would leave.

    Parameters
    ----------
    config : Config
    everything : bool, default False
        The bucket with its objects and what prepare has made, too.
    """
    return all_steps.find_resources(Context(config), everything)


def cleanup(
    config: Config,
    progress: Progress | None = None,
    *,
    everything: bool = False,
    confirm: Callable[[list[Resource], list[Resource]], bool] = lambda found, kept: True,
) -> CleanedUp:
    """Delete what the pipeline has created; reports stay.

    Parameters
    ----------
    config : Config
    progress : Progress or None
    everything : bool, default False
        The bucket with its objects and what prepare has made, too.
    confirm : callable
        Called once with what would be deleted and what is left; if it returns False, nothing is deleted.
    """
    return all_steps.cleanup(Context(config, progress), everything=everything, confirm=confirm)
