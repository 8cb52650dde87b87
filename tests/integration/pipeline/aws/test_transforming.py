"""Batch Transforms: what is asked for, how they are waited for, and how they end."""

from typing import Any

import pytest

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws.models import Models
from fasttrees.pipeline.aws.transforming import TransformJobs
from fasttrees.pipeline.backend import Hosting, JobOutcome, TransformJob
from tests.support.aws.scripted import DENIED, KEY, THROTTLED, Error, ScriptedAws, configuration, log

OUTPUT = "s3://some-bucket/transform/output/flights-first-2"
JOB = TransformJob(
    name="flights-first-2",
    hosting=Hosting("flights-first", "serve:1", "model/output/1/output/model.tar.gz", "flights/first/model.txt"),
    input_prefix="data/test/features/",
    output_prefix="transform/output/flights-first-2/",
    environment={"BATCH": "1"},
)
MISSING = Error("ValidationException", "Could not find requested job with name: flights-first-2")
CREATED: dict[str, list[Any]] = {
    "DescribeModel": [Error("ValidationException", "Could not find model")],
    "CreateModel": [{"ModelArn": "arn:aws:sagemaker:sa-east-1:123456789012:model/x"}],
    "CreateTransformJob": [{"TransformJobArn": "arn:aws:sagemaker:sa-east-1:123456789012:transform-job/x"}],
    "StopTransformJob": [{}],
}


def transform(scripted: ScriptedAws) -> JobOutcome:
    models = Models(scripted.config, scripted.account, scripted.poller)
    return TransformJobs(scripted.config, scripted.account, scripted.poller, models).transform(JOB, scripted.progress)


def described(status: str, **more: Any) -> dict[str, Any]:
    return {
        "TransformJobName": JOB.name,
        "TransformJobStatus": status,
        "TransformOutput": {"S3OutputPath": OUTPUT},
        **more,
    }


RUNNING = described("InProgress")
COMPLETED = described("Completed", TransformStartTime=1000.0, TransformEndTime=1090.5)


def test_request(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, RUNNING, RUNNING, COMPLETED]}
    assert transform(scripted) == JobOutcome(seconds=90.5)
    (request,) = scripted.requests("CreateTransformJob")
    assert {"Key": "fasttrees:experiment", "Value": "first"} in request.pop("Tags")
    assert request == {
        "TransformJobName": "flights-first-2",
        "ModelName": scripted.requests("CreateModel")[0]["ModelName"],
        "MaxPayloadInMB": 6,
        "BatchStrategy": "MultiRecord",
        "Environment": {"BATCH": "1"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://some-bucket/data/test/features/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": OUTPUT, "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    }


def test_returns_the_outcome_of_a_completed_job_at_once(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTransformJob": [COMPLETED]}
    assert transform(scripted) == JobOutcome(seconds=90.5, earlier=True)
    assert scripted.operations == ["DescribeTransformJob"]


def test_key() -> None:
    scripted = ScriptedAws(configuration(aws={"kms_key": KEY}))
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, COMPLETED]}
    transform(scripted)
    (request,) = scripted.requests("CreateTransformJob")
    assert request["TransformOutput"]["KmsKeyId"] == request["TransformResources"]["VolumeKmsKeyId"] == KEY


def test_attaches_to_a_job_that_runs(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTransformJob": [RUNNING, RUNNING, COMPLETED]}
    scripted.script |= log("flights-first-2/i-1", ["serving"])
    assert transform(scripted).seconds == 90.5
    assert scripted.progress.lines == ["transform job flights-first-2: InProgress", "serving"]
    assert "CreateTransformJob" not in scripted.operations


def test_failed_job(scripted: ScriptedAws) -> None:
    failed = described("Failed", FailureReason="ClientError: See job logs for more information")
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, RUNNING, RUNNING, failed]}
    scripted.script |= log("flights-first-2/i-1", ["line 1: expected 31 columns, got 2"])
    with pytest.raises(PipelineError) as caught:
        transform(scripted)
    assert str(caught.value) == (
        "transform job flights-first-2 has failed: ClientError: See job logs for more information; see "
        "https://sa-east-1.console.aws.amazon.com/sagemaker/home?region=sa-east-1#/transform-jobs/flights-first-2; "
        "once the cause is removed, `fasttrees pipeline transform` starts another job"
        "\n    line 1: expected 31 columns, got 2"
    )


def test_job_that_takes_too_long_is_stopped(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, RUNNING]}
    with pytest.raises(PipelineError, match=r"after 60 minutes \(transform.timeout_minutes\) and is being stopped"):
        transform(scripted)
    assert scripted.requests("StopTransformJob") == [{"TransformJobName": "flights-first-2"}]
    assert scripted.seconds == 3600


def test_leaves_a_job_of_the_same_name_with_other_output(scripted: ScriptedAws) -> None:
    other = {**RUNNING, "TransformOutput": {"S3OutputPath": "s3://other/out"}}
    scripted.script |= {"DescribeTransformJob": [other]}
    with pytest.raises(PipelineError, match=r"is not this pipeline's: its output goes to s3://other/out"):
        transform(scripted)


@pytest.mark.parametrize("operation", ["DescribeTransformJob", *CREATED])
def test_access_denied(scripted: ScriptedAws, operation: str) -> None:
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, RUNNING]} | {operation: [DENIED]}
    with pytest.raises(
        PipelineError, match=rf"sagemaker:{operation} is missing: docs/reference/aws/policies/transform\.json"
    ):
        transform(scripted)


def test_throttling(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {
        "CreateTransformJob": [THROTTLED, *CREATED["CreateTransformJob"]],
        "DescribeTransformJob": [MISSING, RUNNING, THROTTLED, THROTTLED, COMPLETED],
    }
    assert transform(scripted).seconds == 90.5


def test_throttling_for_ever(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeTransformJob": [MISSING, RUNNING, THROTTLED]}
    with pytest.raises(PipelineError, match=r"8 attempts.*DescribeTransformJob was answered ThrottlingException"):
        transform(scripted)
    assert "`aws sagemaker stop-transform-job --transform-job-name flights-first-2` ends it" in scripted.progress.text
