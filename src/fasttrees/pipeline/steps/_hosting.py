"""The steps that use a model: deploy, invoke and transform."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import fasttrees
from fasttrees._reports.metrics import with_parameters
from fasttrees._sagemaker.contract import CSV
from fasttrees.pipeline.backend import JobOutcome, TransformJob
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.costs import estimate, load_prices
from fasttrees.pipeline.errors import ConfigError
from fasttrees.pipeline.preparation import Schema, read_samples
from fasttrees.pipeline.progress import Progress
from fasttrees.pipeline.results import Deployed, Invoked, Prepared, Trained, Transformed
from fasttrees.pipeline.scoring import score_transform
from fasttrees.pipeline.state import Record
from fasttrees.pipeline.steps._data import check_data
from fasttrees.pipeline.steps._jobs import MODEL_NAME, hosting, run_job

__all__ = ["deploy", "invoke", "is_deployed", "is_transformed", "transform"]

FEATURES_PREFIX = "data/test/features/"


def deploy(config: Config, progress: Progress | None = None) -> Deployed:
    """Bring an endpoint into service."""
    context = Context(config, progress)
    trained = context.need("train", Trained)

    def work(record: Record) -> Deployed:
        location = context.backend.deploy(hosting(context, trained), context.progress)
        context.progress.say(f"endpoint {context.name} is in service: {location}")
        return Deployed(endpoint=context.name, location=location)

    return context.do("deploy", Deployed, partial(is_deployed, context), work)


def is_deployed(context: Context, done: Deployed) -> bool:
    """Tell whether an endpoint answers."""
    return context.backend.in_service(done.endpoint)


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
        A raw row of one's own: cells by column.
    """
    context = Context(config, progress)
    done = context.need("prepare", Prepared)
    endpoint = context.need("deploy", Deployed)
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


def transform(config: Config, progress: Progress | None = None) -> Transformed:
    """Score all test rows by a Batch Transform, and judge the answers."""
    context = Context(config, progress)
    prepared = context.need("prepare", Prepared)
    trained = context.need("train", Trained)

    def work(record: Record) -> Transformed:
        check_data(context)
        backend = context.backend
        served = hosting(context, trained)

        def run(name: str) -> JobOutcome:
            job = TransformJob(name, served, FEATURES_PREFIX, _output_prefix(name), config.transform.environment)
            return backend.transform(job, context.progress)

        name, outcome = run_job(context, record, "transform", run, _output_prefix)
        prefix = _output_prefix(name)
        keys = backend.find_objects(prefix)
        folder = config.folder / "reports" / name
        answers = []
        for key in keys:
            answers.append(folder / "answers" / key.removeprefix(prefix))
            backend.download(key, answers[-1], context.progress)
        labelled = [config.prepared_folder / part for part in prepared.test]
        schema = Schema.load(config.prepared_folder / prepared.schema_file)
        facts = {
            "Project": config.pipeline.project,
            "Experiment": config.pipeline.experiment,
            "Training job": trained.job,
            "Transform job": name,
            "Where": backend.describe(),
            "Seconds": f"{outcome.seconds:.1f}",
            **_costs(context, outcome.seconds),
        }
        objective = _objective(context, trained, prepared)
        metrics, report, joined = score_transform(labelled, answers, objective, schema.classes, facts, folder)
        shutil.rmtree(folder / "answers")  # they are in the joined file
        uri = f"{backend.bucket_uri}/{prefix}"
        return Transformed(
            job=name,
            output_uri=uri,
            n_rows=prepared.n_test,
            metrics=metrics,
            report=str(report),
            joined=str(joined),
            seconds=outcome.seconds,
        )

    return context.do("transform", Transformed, partial(is_transformed, context), work)


def is_transformed(context: Context, done: Transformed) -> bool:
    """Tell whether what a transform has brought still lies on this machine."""
    return Path(done.report).is_file() and Path(done.joined).is_file()


def _output_prefix(job: str) -> str:
    return f"transform/output/{job}/"


def _objective(context: Context, trained: Trained, prepared: Prepared) -> str:
    """Say by which objective answers are to be judged: the model's own, the job's, or what the target suggests."""
    if trained.model_uri:
        model = fasttrees.load(context.config.folder / "reports" / trained.job / MODEL_NAME)
        return with_parameters(model.objective or "", model.parameters)
    given = context.config.train.hyperparameters  # XGBoost's objective, the linear learner's predictor_type
    if name := given.get("objective", given.get("predictor_type")):
        power = "tweedie_variance_power"
        return f"{name} {power}:{given[power]}" if power in given else str(name)
    return {0: "regression", 2: "binary"}.get(prepared.n_classes, f"multiclass num_class:{prepared.n_classes}")


def _costs(context: Context, seconds: float) -> dict[str, str]:
    """Say what the transform has cost; nothing where nothing is paid for."""
    for line in estimate(context.config, load_prices(context.config), context.backend.region):
        if line.step == "transform":
            cost = line.cost_of(seconds)
            return {"Cost of the instances": "price unknown" if cost is None else f"{cost:.4f} USD"}
    return {}
