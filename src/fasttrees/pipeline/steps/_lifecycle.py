"""All steps in order; their costs, their status, and cleanup."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fasttrees.pipeline.context import Context
from fasttrees.pipeline.costs import CostLine, estimate, load_prices
from fasttrees.pipeline.preparation import is_prepared, remove_prepared
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


def run(context: Context) -> Transformed:
    """Do all steps from the raw table to the report, and ask the endpoint about one sample."""
    with context.locked():
        for step in (prepare, upload, train, deploy, invoke):
            step(context)
        return transform(context)


def find_costs(context: Context, steps: Sequence[str]) -> list[CostLine]:
    """Return the costs of steps that will be done: not done yet, or what they made is gone; none for "local"."""
    lines = estimate(context.config, load_prices(context.config), context.backend.region)
    return [line for line in lines if line.step in steps and not _is_there(context, line.step)]


def _is_there(context: Context, step: str) -> bool:
    """Return whether a step that costs would find nothing to do."""
    key = context.key(step)
    if step == "train":
        return (trained := context.find(step, Trained, key)) is not None and is_trained(context, trained)
    if step == "deploy":
        return (deployed := context.find(step, Deployed, key)) is not None and is_deployed(context, deployed)
    return (scored := context.find(step, Transformed, key)) is not None and is_transformed(context, scored)


def status(context: Context) -> list[dict[str, str]]:
    """Return what is recorded of each step: name, status, when, and a summary of its result or error."""
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


def find_resources(context: Context, everything: bool) -> tuple[list[Resource], list[Resource]]:
    """Return what :func:`cleanup` would delete, and what it would leave."""
    found, kept = context.backend.find_resources(everything)
    folder = context.config.prepared_folder
    if everything and is_prepared(folder):
        found.append(Resource(kind=PREPARED, name=str(folder)))
    return found, kept


def cleanup(
    context: Context, *, everything: bool, confirm: Callable[[list[Resource], list[Resource]], bool]
) -> CleanedUp:
    """Delete what the pipeline has created; see :func:`fasttrees.pipeline.cleanup`."""
    found, kept = find_resources(context, everything)
    if not confirm(found, kept):
        return CleanedUp(deleted=[], kept=found + kept)
    with context.locked():
        for resource in found:
            context.progress.say(f"deleting {resource.kind} {resource.name}")
            if resource.kind == PREPARED:
                remove_prepared(context.config.prepared_folder)
            else:
                context.backend.delete(resource, context.progress)
        context.forget(everything)
    return CleanedUp(deleted=found, kept=kept)
