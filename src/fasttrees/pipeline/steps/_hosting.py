"""The steps that use a model: deploy, invoke and transform."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import fasttrees
from fasttrees._reports.metrics import with_parameters
from fasttrees._sagemaker.contract import CSV
from fasttrees.pipeline.backend import Hosting, JobOutcome, TransformJob
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.costs import estimate, load_prices
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation import Schema, read_samples
from fasttrees.pipeline.results import Deployed, Invoked, Prepared, Trained, Transformed
from fasttrees.pipeline.scoring import score_transform
from fasttrees.pipeline.steps._data import check_data
from fasttrees.pipeline.steps._jobs import MODEL_NAME, hosting, run_job

__all__ = ["deploy", "invoke", "is_deployed", "is_transformed", "transform"]

FEATURES_PREFIX = "data/test/features/"


def deploy(context: Context) -> Deployed:
    """Bring an endpoint into service."""
    trained = context.require("train", Trained)
    if earlier := context.reuse("deploy", Deployed, is_deployed):
        return earlier
    with context.recording("deploy") as record:
        location = context.backend.deploy(hosting(context, trained), context.progress)
        context.progress.say(f"endpoint {context.name} is in service: {location}")
        return record.finish(Deployed(endpoint=context.name, location=location))


def is_deployed(context: Context, done: Deployed) -> bool:
    """Return whether an endpoint answers."""
    return context.backend.in_service(done.endpoint)


def invoke(
    context: Context, *, row: int = 0, prepared: bool = False, sample: Mapping[str, object] | None = None
) -> Invoked:
    """Ask the endpoint about one sample; see :func:`fasttrees.pipeline.invoke`."""
    config = context.config
    done = context.require("prepare", Prepared)
    endpoint = context.require("deploy", Deployed)
    schema = Schema.load(config.prepared_folder / done.schema_file)
    raw: dict[str, str | None] = {}
    truth = ""
    if sample is not None:
        line = schema.csv_line(schema.encode(sample))
        raw = {name: None if cell is None else str(cell) for name, cell in sample.items()}
    else:
        samples = read_samples(config.prepared_folder / done.samples_file)
        if not 0 <= row < len(samples):
            raise ConfigError(f"row: expected 0 to {len(samples) - 1}, got {row}")
        chosen = samples[row]
        truth = chosen.truth
        line = chosen.line
        if not prepared:
            raw = chosen.cells
            line = schema.csv_line(schema.encode(chosen.cells))
    answer = context.backend.invoke(endpoint.endpoint, f"{line}\n".encode(), CSV)
    return Invoked(sample=raw, body=line, answer=answer.decode("utf-8", "backslashreplace").strip(), truth=truth)


def transform(context: Context) -> Transformed:
    """Score all test rows by a Batch Transform, and evaluate the predictions."""
    config, backend = context.config, context.backend
    prepared = context.require("prepare", Prepared)
    trained = context.require("train", Trained)
    if earlier := context.reuse("transform", Transformed, is_transformed):
        return earlier
    with context.recording("transform") as record:
        check_data(context)
        run = partial(_run, context, hosting(context, trained))
        name, outcome = run_job(context, record, "transform", run, _output_prefix)
        folder = config.folder / "reports" / name
        answers = _download(context, _output_prefix(name), folder / "answers")
        labelled = [config.prepared_folder / part for part in prepared.test]
        schema = Schema.load(config.prepared_folder / prepared.schema_file)
        entries = {
            "Project": config.pipeline.project,
            "Experiment": config.pipeline.experiment,
            "Training job": trained.job,
            "Transform job": name,
            "Where": backend.describe(),
            "Seconds": f"{outcome.seconds:.1f}",
            **_costs(context, outcome.seconds),
        }
        objective = _objective(context, trained, prepared)
        metrics, report, joined = score_transform(labelled, answers, objective, schema.classes, entries, folder)
        shutil.rmtree(folder / "answers")  # they are in the joined file
        return record.finish(
            Transformed(
                job=name,
                output_uri=f"{backend.bucket_uri}/{_output_prefix(name)}",
                n_rows=prepared.n_test,
                metrics=metrics,
                report=str(report),
                joined=str(joined),
                seconds=outcome.seconds,
            )
        )


def _run(context: Context, served: Hosting, name: str) -> JobOutcome:
    environment = context.config.transform.environment
    job = TransformJob(name, served, FEATURES_PREFIX, _output_prefix(name), environment)
    return context.backend.transform(job, context.progress)


def _download(context: Context, prefix: str, folder: Path) -> list[Path]:
    """Fetch all objects below a prefix; return the files in the order of the keys."""
    files = []
    for key in context.backend.find_objects(prefix):
        files.append(folder / key.removeprefix(prefix))
        context.backend.download(key, files[-1], context.progress)
    return files


def is_transformed(context: Context, done: Transformed) -> bool:
    """Return whether the files of a transform are still on this machine."""
    return Path(done.report).is_file() and Path(done.joined).is_file()


def _output_prefix(job: str) -> str:
    return f"transform/output/{job}/"


def _objective(context: Context, trained: Trained, prepared: Prepared) -> str:
    """Return the objective to evaluate predictions by: that of the model, of the job, or what the target suggests."""
    if trained.model_uri:
        model = fasttrees.load(context.config.folder / "reports" / trained.job / MODEL_NAME)
        return with_parameters(model.objective or "", model.parameters)
    given = context.config.train.hyperparameters  # XGBoost's objective, the linear learner's predictor_type
    if name := given.get("objective", given.get("predictor_type")):
        power = "tweedie_variance_power"
        return f"{name} {power}:{given[power]}" if power in given else str(name)
    return {0: "regression", 2: "binary"}.get(prepared.n_classes, f"multiclass num_class:{prepared.n_classes}")


def _costs(context: Context, seconds: float) -> dict[str, str]:
    """Return what the transform has cost; nothing for a backend that costs nothing."""
    for line in estimate(context.config, load_prices(context.config), context.backend.region):
        if line.step == "transform":
            cost = line.cost_of(seconds)
            return {"Cost of the instances": "price unknown" if cost is None else f"{cost:.4f} USD"}
    return {}
