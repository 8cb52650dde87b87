"""The backend as a whole against moto's server, from an empty account and back to it.

moto ends jobs and starts endpoints at once, and answers of an endpoint are given to it before; what takes time or fails
is tested with answers by a script, in the other files.
"""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from fasttrees.pipeline import PipelineError, Silent
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.backend import Backend, Hosting, TrainingJob, TransformJob, Upload
from fasttrees.pipeline.results import Resource
from fasttrees.training import METRIC_DEFINITIONS
from tests.support.aws.fixtures import BUCKET, REGION, SECRET, TOKEN
from tests.support.aws.recorder import Faults, Recorder
from tests.support.aws.scripted import configuration
from tests.support.lines import Lines

CONFIG = configuration(aws={"bucket": BUCKET})
TRAINING = TrainingJob("flights-first-1", "train:1", {"objective": "binary"}, {"train": "data/train/"}, "model/output")
HOSTING = Hosting(
    "flights-first", "serve:1", "model/output/flights-first-1/output/model.tar.gz", "flights/first/model.txt"
)
TRANSFORM = TransformJob("flights-first-t1", HOSTING, "data/test/features/", "transform/output/flights-first-t1")


@pytest.fixture
def backend(recorder: Recorder) -> Backend:
    return AwsBackend(CONFIG, Poller(sleep=lambda _: None))


@pytest.fixture
def sagemaker(aws: str) -> Any:
    return boto3.Session().client("sagemaker", region_name=REGION)


@pytest.fixture
def logs(aws: str) -> Any:
    return boto3.Session().client("logs", region_name=REGION)


def write_log(logs: Any, group: str, stream: str, *lines: str) -> None:
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = round(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def run_all(backend: Backend, folder: Path, lines: Lines) -> None:
    """All steps but cleanup."""
    part = folder / "part-00000.csv"
    part.write_text("1,2\n")
    backend.create_bucket(lines)
    assert backend.upload([Upload(part, "data/train/part-00000.csv")], lines) == 1
    backend.train(TRAINING, lines)
    backend.deploy(HOSTING, lines)
    assert backend.in_service("flights-first")
    assert backend.invoke("flights-first", b"2\n", "text/csv")
    backend.transform(TRANSFORM, lines)


def clean(backend: Backend, everything: bool) -> tuple[list[Resource], list[Resource]]:
    found, kept = backend.find_resources(everything)
    for resource in found:
        backend.delete(resource, Silent())
    return found, kept


def test_all_steps_and_back(backend: Backend, tmp_path: Path, lines: Lines, sagemaker: Any, logs: Any, s3: Any) -> None:
    write_log(logs, "/aws/sagemaker/TrainingJobs", "flights-first-1/algo-1-1", "[1] validation auc=0.5")
    write_log(logs, "/aws/sagemaker/Endpoints/flights-first", "AllTraffic/i-1", "ping")
    run_all(backend, tmp_path, lines)
    assert "[1] validation auc=0.5" in lines.lines
    job = sagemaker.describe_training_job(TrainingJobName="flights-first-1")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/{HOSTING.artifact_key}"
    assert sagemaker.describe_endpoint(EndpointName="flights-first")["EndpointStatus"] == "InService"
    found, kept = clean(backend, everything=True)
    assert [resource.kind for resource in found] == [
        "endpoint",
        "log-stream",
        "log-group",
        "endpoint-config",
        "model",
        "objects",
        "bucket",
    ]
    assert [resource.name for resource in kept] == ["flights-first-t1", "flights-first-1"]
    assert backend.find_resources(everything=True) == ([], kept)
    for operation in ("list_endpoints", "list_endpoint_configs", "list_models"):
        answer = getattr(sagemaker, operation)()
        assert not [rows for name, rows in answer.items() if name != "ResponseMetadata" and rows]
    assert not s3.list_buckets()["Buckets"]
    for resource in found:  # no error if it is gone
        backend.delete(resource, Silent())


def test_steps_may_be_repeated(backend: Backend, tmp_path: Path, lines: Lines, recorder: Recorder) -> None:
    run_all(backend, tmp_path, lines)
    recorder.reset()
    backend.train(TRAINING, lines)
    backend.deploy(HOSTING, lines)
    backend.transform(TRANSFORM, lines)
    assert not [call for call in recorder.calls if call.operation.startswith(("Create", "Update", "Put"))]


def test_leaves_what_others_created(backend: Backend, tmp_path: Path, lines: Lines, sagemaker: Any) -> None:
    container = {"Image": "serve:1"}
    for name, tags in (("flights-first-foreign", {}), ("flights-first-two", {"fasttrees:project": "flights-first"})):
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        role = CONFIG.aws.role
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=listed)
    run_all(backend, tmp_path, lines)
    _, kept = clean(backend, everything=True)
    models = {model["ModelName"] for model in sagemaker.list_models()["Models"]}
    assert models == {"flights-first-foreign", "flights-first-two"}
    assert models <= {resource.name for resource in kept}


def test_bucket_of_the_user_is_kept(backend: Backend, s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="mine", Body=b"1")
    found, kept = clean(backend, everything=True)
    assert not found
    assert [(resource.kind, resource.name) for resource in kept] == [("bucket", f"s3://{BUCKET}")]
    assert s3.get_object(Bucket=BUCKET, Key="mine")["Body"].read() == b"1"


def test_bucket_stays_without_everything(backend: Backend, tmp_path: Path, lines: Lines, s3: Any) -> None:
    run_all(backend, tmp_path, lines)
    found, _ = clean(backend, everything=False)
    assert not {"objects", "bucket"} & {resource.kind for resource in found}
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_no_secret_is_shown_or_written(
    backend: Backend, tmp_path: Path, lines: Lines, caplog: pytest.LogCaptureFixture, faults: Faults
) -> None:
    caplog.set_level(logging.INFO)
    run_all(backend, tmp_path, lines)
    lines.say(backend.describe())
    quoted = {"AccessDeniedException": os.environ["AWS_ACCESS_KEY_ID"], "ExpiredTokenException": TOKEN}
    for code, secret in quoted.items():
        faults.rules.clear()
        faults.fail("DescribeEndpoint", 400, code, message=f"no rights for {secret}")
        with pytest.raises(PipelineError) as caught:
            AwsBackend(CONFIG).deploy(HOSTING, lines)
        lines.say(str(caught.value))
    shown = "\n".join(
        [*lines.lines, caplog.text, *(path.read_text() for path in tmp_path.rglob("*") if path.is_file())]
    )
    assert "flights-first" in shown
    for secret in (SECRET, TOKEN, os.environ["AWS_ACCESS_KEY_ID"]):
        assert secret not in shown


def test_metrics_are_those_of_the_training_image(lines: Lines, faults: Faults) -> None:
    """Heard on its way: moto keeps metrics of its own."""
    sent = []
    faults.rules.append(
        lambda operation, request: sent.append(request.body) if operation == "CreateTrainingJob" else None
    )
    AwsBackend(CONFIG, Poller(sleep=lambda _: None)).train(TRAINING, lines)
    assert json.loads(sent[0])["AlgorithmSpecification"]["MetricDefinitions"] == METRIC_DEFINITIONS
    assert 0 < len(METRIC_DEFINITIONS) <= 40  # API, AlgorithmSpecification.MetricDefinitions
