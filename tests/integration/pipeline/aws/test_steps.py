"""All steps with the backend "aws", by function and by command, against moto's server.

moto runs no container. What the containers would have written is put into the bucket when a job has ended: a model that
LightGBM trains here from what was uploaded, and that model's answers.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import boto3
import lightgbm
import numpy as np
import pytest

import fasttrees
from fasttrees import pipeline
from fasttrees.cli import main
from fasttrees.pipeline import Config, JobFailedError, PipelineError
from fasttrees.pipeline.aws import AwsBackend, service
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.training import TrainingJobs
from fasttrees.pipeline.aws.transforming import TransformJobs
from fasttrees.pipeline.backend import JobOutcome, TrainingJob, TransformJob
from tests.support.aws.fixtures import BUCKET, REGION
from tests.support.aws.recorder import Recorder
from tests.support.aws.scripted import KEY, configuration
from tests.support.lines import Lines

ENCRYPTED = {"Bucket": BUCKET, "ServerSideEncryption": "AES256"}


def read_rows(s3: Any, prefix: str) -> tuple[list[str], np.ndarray]:
    """Read the objects of a prefix as one table."""
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    texts = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    return keys, np.genfromtxt(io.BytesIO(b"".join(texts)), delimiter=",", ndmin=2)


@pytest.fixture
def config(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A table, a configuration, and containers that do their work."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(300, 2))
    lines = [f"{a!r},{b!r},{'yes' if a > 0.2 else 'no'}" for a, b in numbers.tolist()]
    (tmp_path / "raw.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")

    train, transform = TrainingJobs.train, TransformJobs.transform

    def train_and_write(self: TrainingJobs, job: TrainingJob, progress: Any) -> JobOutcome:
        outcome = train(self, job, progress)
        if outcome.earlier:
            return outcome
        _, table = read_rows(s3, job.channels["train"])
        parameters = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(parameters, lightgbm.Dataset(table[:, 1:], table[:, 0]), 5)
        text, archive = booster.model_to_string().encode(), io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as members:
            member = tarfile.TarInfo("model.txt")
            member.size = len(text)
            members.addfile(member, io.BytesIO(text))
        key = f"{job.output_prefix}/{job.name}/output/model.tar.gz"
        s3.put_object(Key=key, Body=archive.getvalue(), **ENCRYPTED)
        return outcome

    def transform_and_write(self: TransformJobs, job: TransformJob, progress: Any) -> JobOutcome:
        outcome = transform(self, job, progress)
        if outcome.earlier:
            return outcome
        body = s3.get_object(Bucket=BUCKET, Key=job.hosting.model_key)["Body"].read()
        model = fasttrees.loads(body.decode())
        keys, rows = read_rows(s3, job.input_prefix)
        assert len(keys) == 1
        answer = "".join(f"{value!r}\n" for value in model.predict(rows).tolist())
        target = job.output_prefix + keys[0].removeprefix(job.input_prefix) + ".out"
        s3.put_object(Key=target, Body=answer.encode(), **ENCRYPTED)
        return outcome

    monkeypatch.setattr(TrainingJobs, "train", train_and_write)
    monkeypatch.setattr(TransformJobs, "transform", transform_and_write)
    monkeypatch.setattr(service, "Poller", lambda: Poller(sleep=lambda _: None))
    aws = configuration(aws={"bucket": BUCKET}).model_dump()
    values = {
        "pipeline": {**aws["pipeline"], "backend": "aws"},
        "prepare": {"raw": ["raw.csv"], "target": "y"},
        "train": {"image": "train:1", "hyperparameters": {"objective": "binary"}},
        "deploy": {"image": "serve:1"},
        "aws": aws["aws"],
    }
    (tmp_path / "pipeline.toml").write_text(pipeline.template(values))
    return Config.load(tmp_path / "pipeline.toml")


def test_from_table_to_nothing(config: Config, s3: Any, lines: Lines, recorder: Recorder) -> None:
    scored = pipeline.run(config, lines)
    assert scored.metrics["auc"] > 0.9
    report = Path(scored.report).read_text()
    assert f"account 123456789012, region {REGION}" in report
    assert re.search(r"Cost of the instances.*\d\.\d{4} USD", report, re.DOTALL)
    trained = pipeline.train(config)
    assert trained.model_uri == f"s3://{BUCKET}/{config.model_key}"
    with open(config.folder / "reports" / trained.job / "model.txt", "rb") as model:
        assert s3.get_object(Bucket=BUCKET, Key=config.model_key)["Body"].read() == model.read()

    recorder.reset()
    lines.lines.clear()
    pipeline.run(config, lines)
    assert len(lines.lines) == 5
    assert all(line.endswith("done before, nothing has changed") for line in lines.lines)
    changing = ("Create", "Update", "Put", "Delete")
    assert not [call for call in recorder.calls if call.operation.startswith(changing)]

    pipeline.cleanup(config, everything=True)
    assert not s3.list_buckets()["Buckets"]
    assert {row["status"] for row in pipeline.status(config)} == {"missing"}


def test_a_run_has_one_backend_and_one_session(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type] = []
    for kind in (service.AwsBackend, boto3.Session):
        original = kind.__init__

        def init(self: object, *arguments: Any, original: Any = original, **options: Any) -> None:
            made.append(type(self))
            original(self, *arguments, **options)

        monkeypatch.setattr(kind, "__init__", init)
    pipeline.run(config)
    assert made.count(service.AwsBackend) == 1
    assert made.count(boto3.Session) == 1


def test_there_and_back_and_there_again(config: Config, lines: Lines) -> None:
    """SageMaker keeps the records of the first jobs, with their names."""
    first = pipeline.run(config)
    pipeline.cleanup(config, everything=True)
    again = pipeline.run(config, lines)
    assert again.job == f"{first.job}-1"
    assert again.metrics == first.metrics
    assert f"transform job {first.job} was over before, and what it wrote is gone: another is run" in lines.lines


def test_artefact_that_is_gone_means_another_job(config: Config, s3: Any) -> None:
    for step in (pipeline.prepare, pipeline.upload, pipeline.train):
        step(config)
    first = pipeline.train(config)
    key = first.artifact_uri.removeprefix(f"s3://{BUCKET}/")
    s3.delete_object(Bucket=BUCKET, Key=key)
    original, TrainingJobs.train = TrainingJobs.train, lambda *_: JobOutcome(1.0)  # type: ignore[method-assign]
    try:
        with pytest.raises(JobFailedError, match="has ended, but what it wrote is gone; run the step again"):
            pipeline.train(config)
    finally:
        TrainingJobs.train = original  # type: ignore[method-assign]
    assert pipeline.train(config).job == f"{first.job}-1"


def test_command_shows_costs_and_asks(config: Config, capsys: pytest.CaptureFixture[str], recorder: Recorder) -> None:
    path = str(config.home / "pipeline.toml")
    assert main(["pipeline", "run", "--config", path]) == 1
    shown = capsys.readouterr().err
    assert "1 x ml.m5.xlarge" in shown
    assert "go on? nobody is there to answer; --yes answers" in shown
    assert not [call for call in recorder.calls if call.operation.startswith("Create")]
    assert main(["pipeline", "run", "--config", path, "--yes", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"]
    assert main(["pipeline", "train", "--config", path]) == 0  # done, so nothing is asked
    assert "done before" in capsys.readouterr().err
    assert main(["pipeline", "cleanup", "--config", path, "--all", "--yes", "--quiet"]) == 0


def test_bucket_that_is_gone_is_filled_again(config: Config, s3: Any, lines: Lines) -> None:
    first = pipeline.run(config)
    backend = AwsBackend(config)
    for resource in backend.find_resources(everything=True)[0]:
        if resource.kind in ("objects", "bucket"):
            backend.delete(resource, lines)
    assert [line.step for line in pipeline.find_costs(config)] == ["train"]
    assert pipeline.run(config).metrics == first.metrics
    assert config.model_key in {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    pipeline.cleanup(config, everything=True)


def test_what_is_gone_costs_again(config: Config, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.run(config)
    assert not pipeline.find_costs(config)
    pipeline.cleanup(config)
    assert [line.step for line in pipeline.find_costs(config)] == ["deploy"]
    assert main(["pipeline", "deploy", "--config", str(config.home / "pipeline.toml")]) == 1
    assert "go on? nobody is there to answer" in capsys.readouterr().err
    s3.delete_object(Bucket=BUCKET, Key=config.model_key)
    assert [line.step for line in pipeline.find_costs(config)] == ["train", "deploy"]
    pipeline.cleanup(config, everything=True)


def test_instance_that_the_service_does_not_take(config: Config) -> None:
    path = config.home / "pipeline.toml"
    before, section, after = path.read_text().partition("[transform]")
    path.write_text(before + section + after.replace('"ml.m5.xlarge"', '"ml.c5.large"'))
    pipeline.prepare(config)
    with pytest.raises(PipelineError, match=r"transform\.instance_type: .*ml\.c5\.large"):
        pipeline.upload(Config.load(path))


def test_jobs_take_no_files_of_an_earlier_upload(config: Config, s3: Any, lines: Lines) -> None:
    """A table with fewer parts than before leaves none of them in the bucket, where jobs would take them for data."""
    pipeline.prepare(config)
    pipeline.upload(config)
    for key in ("data/train/part-00001.csv", "data/test/features/part-00001.csv"):
        s3.put_object(Key=key, Body=b"0,1,2\n", Metadata={"fasttrees-sha256": "of an upload"}, **ENCRYPTED)
    with pytest.raises(PipelineError, match=r"data/: is no longer what upload has put there.*pipeline upload"):
        pipeline.train(config)
    pipeline.upload(config, lines)
    assert f"s3://{BUCKET}/data/train/part-00001.csv: removed, because it is of an earlier upload" in lines.lines
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="data/test/features/")["Contents"]] == [
        "data/test/features/part-00000.csv"
    ]
    assert pipeline.run(config).metrics["auc"] > 0.9


def test_data_of_elsewhere_is_refused_and_stays(config: Config, s3: Any) -> None:
    pipeline.prepare(config)
    pipeline.upload(config)
    s3.put_object(Key="data/train/more.csv", Body=b"0,1,2\n", **ENCRYPTED)
    with pytest.raises(PipelineError, match=r"data/train/more\.csv: is not of this pipeline.*move it away"):
        pipeline.upload(config)
    assert s3.head_object(Bucket=BUCKET, Key="data/train/more.csv")["ContentLength"] == 6


def test_two_experiments_in_one_bucket(config: Config, s3: Any, tmp_path: Path) -> None:
    """Each trains on its own data, or not at all."""
    text = (config.home / "pipeline.toml").read_text()
    other = config.home / "other.toml"
    other.write_text(
        text.replace('experiment = "one"', 'experiment = "two"')
        .replace('directory = "pipeline"', 'directory = "other"')
        .replace("seed = 1", "seed = 2", 1)
    )
    second = Config.load(other)
    for each in (config, second):
        pipeline.prepare(each)
        pipeline.upload(each)
    with pytest.raises(PipelineError, match="is it another pipeline's, too"):
        pipeline.train(config)
    pipeline.train(second)
    first = pipeline.run(config)
    assert first.metrics["auc"] > 0.9
    expected = (config.prepared_folder / "data/train/part-00000.csv").read_bytes()
    assert s3.get_object(Bucket=BUCKET, Key="data/train/part-00000.csv")["Body"].read() == expected


def test_changed_settings_of_the_account(config: Config) -> None:
    """An endpoint moves into a VPC, and data under another key, when the configuration says so."""
    pipeline.run(config)
    path = config.home / "pipeline.toml"
    text = path.read_text()

    def outdated(old: str, new: str) -> list[str]:
        assert old in text
        path.write_text(text.replace(old, new))
        return [row["step"] for row in pipeline.status(Config.load(path)) if row["status"] == "outdated"]

    assert outdated("subnets = []\nsecurity_groups = []", 'subnets = ["subnet-1"]\nsecurity_groups = ["sg-1"]') == [
        "deploy"
    ]
    assert outdated("role/fasttrees", "role/other") == ["deploy"]
    assert outdated('kms_key = ""', f'kms_key = "{KEY}"') == ["upload", "train", "deploy", "transform"]
    assert outdated('profile = ""', 'profile = "other"') == []


@pytest.mark.parametrize(
    ("hyperparameters", "answer", "metric"),
    [
        ({"objective": "binary:logistic"}, "0.25\n", "auc"),
        ({"predictor_type": "binary_classifier"}, '{"score": 0.25, "predicted_label": 0}\n', "auc"),
        ({"objective": "multi:softprob", "num_class": 2}, "[0.75, 0.25]\n", "log_loss"),
        ({"objective": "reg:squarederror"}, "0.25\n", "rmse"),
        ({"objective": "reg:tweedie", "tweedie_variance_power": 1.2}, "0.25\n", "tweedie_deviance"),
        ({"num_round": 3}, "0.25\n", "rmse"),
        ({"objective": "binary:logitraw"}, "-1.5\n", None),
    ],
)
def test_answers_of_other_images_are_judged_by_their_own_objective(
    config: Config,
    s3: Any,
    monkeypatch: pytest.MonkeyPatch,
    hyperparameters: dict[str, Any],
    answer: str,
    metric: str | None,
) -> None:
    """Of a target of numbers 0 and 1, which alone suggests a regression."""
    raw = config.home / "raw.csv"
    raw.write_text(raw.read_text().replace("yes", "1").replace("no", "0"))
    train = config.train.model_copy(update={"serving_image_is_own": True, "hyperparameters": hyperparameters})
    other = config.model_copy(update={"train": train})

    def write_artefact(self: TrainingJobs, job: TrainingJob, progress: Any) -> JobOutcome:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as members:
            members.addfile(tarfile.TarInfo("xgboost-model"), io.BytesIO())
        s3.put_object(Key=f"{job.output_prefix}/{job.name}/output/model.tar.gz", Body=archive.getvalue(), **ENCRYPTED)
        return JobOutcome(1.0)

    def write_answers(self: TransformJobs, job: TransformJob, progress: Any) -> JobOutcome:
        keys, rows = read_rows(s3, job.input_prefix)
        target = job.output_prefix + keys[0].removeprefix(job.input_prefix) + ".out"
        s3.put_object(Key=target, Body=answer.encode() * len(rows), **ENCRYPTED)
        return JobOutcome(1.0)

    monkeypatch.setattr(TrainingJobs, "train", write_artefact)
    monkeypatch.setattr(TransformJobs, "transform", write_answers)
    for step in (pipeline.prepare, pipeline.upload, pipeline.train):
        step(other)
    metrics = pipeline.transform(other).metrics
    assert metric in metrics if metric else not metrics


def test_job_of_another_configuration_is_not_left_unsaid(
    config: Config, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> JobOutcome:
        raise KeyboardInterrupt

    pipeline.prepare(config)
    pipeline.upload(config)
    with monkeypatch.context() as patched:
        patched.setattr(TrainingJobs, "train", interrupt)
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(config)
    parameters = {"objective": "binary", "num_iterations": 7}
    other = config.model_copy(update={"train": config.train.model_copy(update={"hyperparameters": parameters})})
    pipeline.train(other, lines)
    assert "a job that it began may still run and cost money" in lines.lines[0]
    lines.lines.clear()
    pipeline.train(config, lines)  # the other one has ended
    assert "may still run" not in "".join(lines.lines)
