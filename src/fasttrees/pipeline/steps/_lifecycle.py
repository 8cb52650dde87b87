"""All steps at once, what is done, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.costs import CostLine, estimate, load_prices
from fasttrees.pipeline.preparation import is_prepared, remove_prepared
from fasttrees.pipeline.progress import Progress
from fasttrees.pipeline.results import (
    CleanedUp,
    Deployed,
    Prepared,
    Resource,
    Result,
    Trained,
    Transformed,
    Uploaded,
)
from fasttrees.pipeline.steps._data import prepare, upload
from fasttrees.pipeline.steps._hosting import deploy, invoke, is_deployed, is_transformed, transform
from fasttrees.pipeline.steps._training import is_trained, train

__all__ = ["cleanup", "find_costs", "find_resources", "run", "status"]

PREPARED = "prepared"  # kind of the folder that prepare writes, whatever the backend
#: What each recorded step returns.
RESULTS: dict[str, type[Result]] = {
    "prepare": Prepared,
    "upload": Uploaded,
    "train": Trained,
    "deploy": Deployed,
    "transform": Transformed,
}


def run(config: Config, progress: Progress | None = None) -> Transformed:
    """Do all steps from the raw table to the report, with one sample asked of the endpoint on the way."""
    prepare(config, progress)
    upload(config, progress)
    train(config, progress)
    deploy(config, progress)
    invoke(config, progress)
    return transform(config, progress)


def find_costs(config: Config, steps: Sequence[str] = ("train", "deploy", "transform")) -> list[CostLine]:
    """Say what steps cost that will be done: not done yet, or what they made is gone; nothing for "local"."""
    context = Context(config)
    lines = estimate(config, load_prices(config), context.backend.region)
    return [line for line in lines if line.step in steps and not _is_there(context, line.step)]


def _is_there(context: Context, step: str) -> bool:
    """Tell whether a step that costs would find nothing to do."""
    key = context.key(step)
    if step == "train":
        return (trained := context.find(step, Trained, key)) is not None and is_trained(context, trained)
    if step == "deploy":
        return (deployed := context.find(step, Deployed, key)) is not None and is_deployed(context, deployed)
    return (scored := context.find(step, Transformed, key)) is not None and is_transformed(context, scored)


def status(config: Config) -> list[dict[str, str]]:
    """Say of each step what is recorded: its name, status, when, and what stands out of its result or error."""
    context = Context(config)
    rows = []
    for step, kind in RESULTS.items():
        record = context.state(step).find(step)
        if record is None:
            rows.append({"step": step, "status": "missing", "when": "", "what": ""})
            continue
        state: str = "interrupted" if record.status == "running" else record.status
        what = record.error
        if record.status == "done":
            state = "done" if context.is_done(step) else "outdated"
            what = kind.model_validate(record.result).summary().splitlines()[0]
        rows.append({"step": step, "status": state, "when": record.ended or record.started, "what": what})
    return rows


def find_resources(config: Config, everything: bool = False) -> tuple[list[Resource], list[Resource]]:
    """List what :func:`cleanup` would delete, and what it would leave.

    Parameters
    ----------
    config : Config
    everything : bool, default False
        The bucket with its objects and what prepare has made, too.
    """
    found, kept = Context(config).backend.find_resources(everything)
    if everything and is_prepared(config.prepared_folder):
        found.append(Resource(kind=PREPARED, name=str(config.prepared_folder)))
    return found, kept


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
        Asked once, with what would be deleted and what is left; False: nothing is.
    """
    context = Context(config, progress)
    found, kept = find_resources(config, everything)
    if not confirm(found, kept):
        return CleanedUp(deleted=[], kept=found + kept)
    with context.alone():
        for resource in found:
            context.progress.say(f"deleting {resource.kind} {resource.name}")
            if resource.kind == PREPARED:
                remove_prepared(config.prepared_folder)
            else:
                context.backend.delete(resource, context.progress)
        context.forget(everything)
    return CleanedUp(deleted=found, kept=kept)
