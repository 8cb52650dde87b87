"""Training jobs: what is asked for, how they are waited for, and how they end."""

from dataclasses import replace
from typing import Any

import pytest

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.training import TrainingJobs
from fasttrees.pipeline.backend import JobOutcome, TrainingJob
from tests.support.aws.scripted import (
    DENIED,
    KEY,
    MISSING_JOB,
    MISSING_LOG,
    ROLE,
    THROTTLED,
    ScriptedAws,
    configuration,
    log,
)

STREAM = "flights-first-1/algo-1-1"
OUTPUT = "s3://some-bucket/model/output"
METRICS = [{"Name": "validation:auc", "Regex": "validation auc=([0-9.]+)"}]
JOB = TrainingJob(
    name="flights-first-1",
    image="image:1",
    hyperparameters={"objective": "binary"},
    channels={"train": "data/train/", "validation": "data/validation/", "schema": "data/schema.json"},
    output_prefix="model/output",
)


def train(scripted: ScriptedAws, job: TrainingJob = JOB) -> JobOutcome:
    return TrainingJobs(scripted.config, scripted.account, scripted.poller, METRICS).train(job, scripted.progress)


def described(status: str, secondary: str, **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": JOB.name,
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
        "OutputDataConfig": {"S3OutputPath": OUTPUT},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "SecondaryStatusTransitions": [{"Status": secondary, "StartTime": 0, "StatusMessage": f"{secondary} it"}],
        **more,
    }


COMPLETED = described(
    "Completed",
    "Completed",
    BillableTimeInSeconds=61,
    FinalMetricDataList=[{"MetricName": "validation:auc", "Value": 0.75, "Timestamp": 0}],
)
RUNNING = described("InProgress", "Training")
CREATED = {"TrainingJobArn": "arn:aws:sagemaker:sa-east-1:123456789012:training-job/flights-first-1"}


def test_request(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [MISSING_JOB, COMPLETED], "CreateTrainingJob": [CREATED]}
    assert train(scripted) == JobOutcome(seconds=61.0, metrics={"validation:auc": 0.75})
    (request,) = scripted.requests("CreateTrainingJob")
    channels = {channel["ChannelName"]: channel for channel in request.pop("InputDataConfig")}
    assert request == {
        "TrainingJobName": "flights-first-1",
        "AlgorithmSpecification": {
            "TrainingImage": "image:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": METRICS,
        },
        "RoleArn": ROLE,
        "HyperParameters": {"objective": "binary"},
        "OutputDataConfig": {"S3OutputPath": OUTPUT},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": False,
        "Tags": [
            {"Key": "team", "Value": "delays"},
            {"Key": "fasttrees:created-by", "Value": "fasttrees"},
            {"Key": "fasttrees:project", "Value": "flights"},
            {"Key": "fasttrees:experiment", "Value": "first"},
        ],
    }
    assert channels["train"] == {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://some-bucket/data/train/",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "ContentType": "text/csv",
        "InputMode": "File",
    }
    assert channels["schema"]["ContentType"] == "application/json"
    assert set(channels) == {"train", "validation", "schema"}


@pytest.mark.parametrize(("instance", "key"), [("ml.m5.xlarge", KEY), ("ml.r5d.large", None), ("ml.g5.xlarge", None)])
def test_key_and_network(monkeypatch: pytest.MonkeyPatch, instance: str, key: str | None) -> None:
    scripted = ScriptedAws(
        configuration(
            aws={"kms_key": KEY, "subnets": ["subnet-1"], "security_groups": ["sg-1"], "bucket": "some-bucket"},
            train={"instance_type": instance, "instance_count": 2},
        )
    )
    scripted.script |= {"DescribeTrainingJob": [MISSING_JOB, COMPLETED], "CreateTrainingJob": [CREATED]}
    train(scripted)
    (request,) = scripted.requests("CreateTrainingJob")
    assert request["OutputDataConfig"]["KmsKeyId"] == KEY
    assert request["ResourceConfig"].get("VolumeKmsKeyId") == key
    assert request["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert request["EnableInterContainerTrafficEncryption"] is True


def test_amazons_own_algorithms_bring_their_metrics() -> None:
    scripted = ScriptedAws(configuration(train={"serving_image_is_own": True}))
    scripted.script |= {"DescribeTrainingJob": [MISSING_JOB, COMPLETED], "CreateTrainingJob": [CREATED]}
    train(scripted)
    (request,) = scripted.requests("CreateTrainingJob")
    assert "MetricDefinitions" not in request["AlgorithmSpecification"]
    assert request["EnableNetworkIsolation"] is False


def test_waiting_shows_status_and_log(scripted: ScriptedAws) -> None:
    scripted.script |= log(STREAM, ["[1] validation auc=0.5"], ["[2] validation auc=0.75", "saved"])
    scripted.script["DescribeLogStreams"].insert(0, MISSING_LOG)
    scripted.script |= {
        "CreateTrainingJob": [CREATED],
        "DescribeTrainingJob": [MISSING_JOB, described("InProgress", "Starting"), RUNNING, RUNNING, COMPLETED],
    }
    assert train(scripted).seconds == 61
    assert scripted.progress.lines == [
        "training job flights-first-1 has begun: https://sa-east-1.console.aws.amazon.com/sagemaker/home"
        "?region=sa-east-1#/jobs/flights-first-1",
        "training job flights-first-1: Starting: Starting it",
        "training job flights-first-1: Training: Training it",
        "[1] validation auc=0.5",
        "[2] validation auc=0.75",
        "saved",
    ]
    assert [advance[:2] for advance in scripted.progress.advances] == [
        ("training job flights-first-1: Starting", 0),
        ("training job flights-first-1: Training", 10),
        ("training job flights-first-1: Training", 20),
    ]
    tokens = [request.get("nextToken") for request in scripted.requests("GetLogEvents")]
    assert scripted.seconds == 40  # one more pause after the job's end
    assert tokens == [None, "f/0", "f/1", "f/1", "f/1"]


def test_prefix_may_end_with_a_slash(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [MISSING_JOB, COMPLETED], "CreateTrainingJob": [CREATED]}
    train(scripted, replace(JOB, output_prefix="model/output/"))
    assert scripted.requests("CreateTrainingJob")[0]["OutputDataConfig"]["S3OutputPath"] == OUTPUT


def test_attaches_to_a_job_that_runs(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [RUNNING, RUNNING, COMPLETED]}
    assert train(scripted) == JobOutcome(seconds=61.0, metrics={"validation:auc": 0.75}, earlier=False)
    assert "CreateTrainingJob" not in scripted.operations


def test_returns_the_outcome_of_a_completed_job_at_once(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [COMPLETED]}
    outcome = train(scripted)
    assert (outcome.seconds, outcome.earlier) == (61, True)
    assert scripted.seconds == 0


def test_leaves_a_job_of_the_same_name_with_other_output(scripted: ScriptedAws) -> None:
    other = {**RUNNING, "OutputDataConfig": {"S3OutputPath": "s3://other/model"}}
    scripted.script |= {"DescribeTrainingJob": [other]}
    with pytest.raises(
        PipelineError, match=r"is not this pipeline's: its output goes to s3://other/model, expected s3"
    ):
        train(scripted)


@pytest.mark.parametrize("found", [False, True])
def test_failed_job(scripted: ScriptedAws, found: bool) -> None:
    failed = described("Failed", "Failed", FailureReason="AlgorithmError: num_leaves:\nexpected a number, exit code: 1")
    scripted.script |= log(STREAM, ["reading", "num_leaves: expected a number"])
    scripted.script |= {
        "CreateTrainingJob": [CREATED],
        "DescribeTrainingJob": [failed] if found else [MISSING_JOB, RUNNING, RUNNING, failed],
    }
    with pytest.raises(PipelineError) as caught:
        train(scripted)
    assert str(caught.value) == (
        "training job flights-first-1 has failed: AlgorithmError: num_leaves: expected a number, exit code: 1; see "
        "https://sa-east-1.console.aws.amazon.com/sagemaker/home?region=sa-east-1#/jobs/flights-first-1; once the "
        "cause is removed, `fasttrees pipeline train` starts another job\n"
        "    reading\n    num_leaves: expected a number"
    )


def test_job_stopped_by_its_time(scripted: ScriptedAws) -> None:
    artifacts = {"S3ModelArtifacts": f"{OUTPUT}/flights-first-1/output/model.tar.gz"}
    stopped = described("Stopped", "MaxRuntimeExceeded", ModelArtifacts=artifacts)
    scripted.script |= {"DescribeTrainingJob": [stopped]}
    with pytest.raises(PipelineError) as caught:
        train(scripted)
    assert (
        "has stopped after 3600 s: train.max_runtime_minutes; what it had written by then is "
        "s3://some-bucket/model/output/flights-first-1/output/model.tar.gz; see"
    ) in str(caught.value)


def test_job_stopped_by_somebody(scripted: ScriptedAws) -> None:
    scripted.script |= {
        "DescribeTrainingJob": [RUNNING, described("Stopping", "Stopping"), described("Stopped", "Stopped")]
    }
    with pytest.raises(PipelineError, match=r"training job flights-first-1 has stopped; see https"):
        train(scripted)


def test_job_that_is_deleted_while_it_is_waited_for(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [RUNNING, RUNNING, MISSING_JOB]}
    with pytest.raises(PipelineError, match=r"is gone: deleted meanwhile\? `fasttrees pipeline train` runs another"):
        train(scripted)


def test_job_that_is_not_found_at_once(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [*3 * [MISSING_JOB], RUNNING, COMPLETED], "CreateTrainingJob": [CREATED]}
    assert train(scripted).seconds == 61


def test_job_that_never_ends(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [RUNNING]}
    with pytest.raises(PipelineError, match=r"has not ended after 120 minutes, and may cost money.*cleanup` stops it"):
        train(scripted)
    assert scripted.seconds == 7200


def test_interrupted_waiting_leaves_the_job(scripted: ScriptedAws) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    scripted.poller = Poller(sleep=interrupt)
    scripted.script |= {"DescribeTrainingJob": [RUNNING]}
    with pytest.raises(KeyboardInterrupt):
        train(scripted)
    assert (
        "goes on without being watched, and costs money: `fasttrees pipeline train` waits for it again, "
        "`aws sagemaker stop-training-job --training-job-name flights-first-1` ends it"
    ) in scripted.progress.text


@pytest.mark.parametrize("operation", ["DescribeTrainingJob", "CreateTrainingJob"])
def test_access_denied(scripted: ScriptedAws, operation: str) -> None:
    scripted.script |= {"DescribeTrainingJob": [MISSING_JOB], "CreateTrainingJob": [CREATED], operation: [DENIED]}
    with pytest.raises(
        PipelineError, match=rf"sagemaker:{operation} is missing: docs/reference/aws/policies/train.json"
    ):
        train(scripted)


def test_denied_log_is_said_once_and_stops_nothing(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [*5 * [RUNNING], COMPLETED], "DescribeLogStreams": [DENIED]}
    assert train(scripted).seconds == 61
    assert scripted.progress.text.count("the log cannot be shown") == 1
    assert "logs:DescribeLogStreams is missing: docs/reference/aws/policies/train.json" in scripted.progress.text


def test_throttling_passes(scripted: ScriptedAws) -> None:
    scripted.script |= {
        "CreateTrainingJob": [THROTTLED, THROTTLED, CREATED],
        "DescribeTrainingJob": [THROTTLED, MISSING_JOB, THROTTLED, RUNNING, THROTTLED, COMPLETED],
    }
    assert train(scripted).seconds == 61
    assert scripted.operations.count("CreateTrainingJob") == 3


def test_throttling_for_ever(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [RUNNING, RUNNING, THROTTLED]}
    with pytest.raises(PipelineError, match=r"wait, then run the step again.*ThrottlingException: Rate exceeded"):
        train(scripted)
    assert "goes on without being watched" in scripted.progress.text
