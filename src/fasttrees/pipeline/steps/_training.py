"""The training step."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import fasttrees
from fasttrees.errors import FastTreesError
from fasttrees.pipeline.backend import JobOutcome, TrainingJob, Upload
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.errors import ConfigError, JobFailedError
from fasttrees.pipeline.results import Prepared, Trained, Uploaded
from fasttrees.pipeline.steps._data import check_data
from fasttrees.pipeline.steps._jobs import MODEL_NAME, OUTPUT_PREFIX, artifact_key, run_job

__all__ = ["is_trained", "train"]

REPORT_NAME = "report.html"


def train(context: Context) -> Trained:
    """Train a model, fetch its report, and put ``model.txt`` where servers fetch it."""
    config, backend = context.config, context.backend
    prepared = context.require("prepare", Prepared)
    context.require("upload", Uploaded)
    if earlier := context.reuse("train", Trained, is_trained):
        return earlier
    with context.recording("train") as record:
        check_data(context)
        job = _job(config, prepared)
        name, outcome = run_job(context, record, "training", partial(_run, context, job), artifact_key)
        files = _unpack(context, name)
        model = files.get(MODEL_NAME)
        if model is not None:
            _check_model(model, prepared)
            backend.upload([Upload(model, config.model_key)], context.progress)
        elif not config.train.serving_image_is_own:
            raise JobFailedError(
                f"training job {name}: expected {MODEL_NAME} in its artefact, "
                f"got {', '.join(sorted(files)) or 'no files'}; is train.serving_image_is_own = true meant?"
            )
        return record.finish(
            Trained(
                job=name,
                artifact_uri=f"{backend.bucket_uri}/{artifact_key(name)}",
                model_uri=f"{backend.bucket_uri}/{config.model_key}" if model is not None else "",
                metrics=dict(outcome.metrics),
                report=str(files.get(REPORT_NAME, "")),
                seconds=outcome.seconds,
            )
        )


def _job(config: Config, prepared: Prepared) -> TrainingJob:
    """Return the job, which has no name yet."""
    channels = {"train": "data/train/"}
    if prepared.n_validation:
        channels["validation"] = "data/validation/"
    if not config.train.serving_image_is_own:
        channels["schema"] = prepared.schema_file
    return TrainingJob("", config.train.image, _hyperparameters(config, prepared), channels, OUTPUT_PREFIX)


def _run(context: Context, job: TrainingJob, name: str) -> JobOutcome:
    return context.backend.train(replace(job, name=name), context.progress)


def is_trained(context: Context, done: Trained) -> bool:
    """Return whether what a training job has written still exists."""
    needed = {artifact_key(done.job)} | ({context.config.model_key} if done.model_uri else set())
    found = {key for prefix in needed for key in context.backend.find_objects(prefix)}
    return needed <= found and (not done.report or Path(done.report).is_file())


def _hyperparameters(config: Config, prepared: Prepared) -> dict[str, str]:
    """Write the hyperparameters as strings, as the service hands them over."""
    values = {name: _text(value) for name, value in config.train.hyperparameters.items()}
    n_classes = prepared.n_classes  # 0: numbers, which may be 0 and 1; the training program looks
    if values.get("objective") == "binary" and n_classes not in (0, 2) and not config.train.serving_image_is_own:
        raise ConfigError(f"train.hyperparameters.objective: binary needs a target of 2 classes, got {n_classes}")
    return values


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unpack(context: Context, job: str) -> dict[str, Path]:
    """Fetch a job's artefact; return its files by name."""
    folder = context.config.folder / "reports" / job
    archive = folder / "model.tar.gz"
    context.backend.download(artifact_key(job), archive, context.progress)
    try:
        with tarfile.open(archive) as members:
            members.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise JobFailedError(f"training job {job}: its artefact is no archive: {error}") from error
    archive.unlink()
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _check_model(path: Path, prepared: Prepared) -> None:
    """Refuse a model that cannot score the prepared rows, before servers load it."""
    try:
        n_features = fasttrees.load(path).num_feature()
    except FastTreesError as error:
        raise JobFailedError(f"{path}: {error}") from error
    if n_features != prepared.n_features:
        raise JobFailedError(f"{path}: expected {prepared.n_features} features, as prepared, got {n_features}")
