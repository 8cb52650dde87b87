"""The policies at work: each step runs under its own against moto's IAM, and under no other.

moto judges actions, and the resources of S3 alone. It takes a statement with conditions for a denial, so these are left
out here. What conditions do, and resources of SageMaker, only the real AWS can tell.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import fasttrees._aws
import fasttrees.pipeline.aws
from fasttrees._runtime.progress import Silent
from fasttrees.pipeline import Config
from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.backend import Hosting, TrainingJob, TransformJob, Upload
from fasttrees.pipeline.errors import PipelineError
from tests.support.aws import policies
from tests.support.aws.calls import Source
from tests.support.aws.methods import METHODS
from tests.support.aws.recorder import Recorder

REGION = "sa-east-1"
BUCKET = "flights-data"
ACCOUNT = "123456789012"
NAME = "flights-one"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fasttrees"
MODEL_KEY = "flights/one/model.txt"
HOSTING = Hosting(NAME, IMAGE, f"model/output/{NAME}/output/model.tar.gz", MODEL_KEY)
TRAINING = TrainingJob(f"{NAME}-1", IMAGE, {"seed": "1"}, {"train": "data/train/"}, "model/output")
TRANSFORM = TransformJob(f"{NAME}-2", HOSTING, "data/test/features/", f"transform/output/{NAME}-2")
# What moto 5.2 calls actions of S3 (moto.s3.responses.ACTION_MAP) that IAM calls otherwise.
MOTO_NAMES = {
    "s3:GetBucketPublicAccessBlock": "s3:GetPublicAccessBlock",
    "s3:ListBucket": "s3:HeadBucket",
    "s3:PutBucketPublicAccessBlock": "s3:PutPublicAccessBlock",
}


class Aws:
    """Backends for people who have the rights of a step."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._url = url
        self._monkeypatch = monkeypatch
        self._iam = boto3.client("iam", region_name=REGION)

    def backend(self, step: str) -> AwsBackend:
        """Return a backend whose user has this policy only; from now on, IAM judges all calls."""
        self.judge(False)
        self._iam.create_user(UserName=step)
        self._iam.put_user_policy(UserName=step, PolicyName=step, PolicyDocument=json.dumps(self._policy(step)))
        key = self._iam.create_access_key(UserName=step)["AccessKey"]
        self._monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        self._monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        self._monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        self.judge(True)
        return AwsBackend(configuration(), Poller(sleep=lambda _: None))

    def judge(self, judging: bool) -> None:
        """Let moto's IAM judge calls, or let all of them pass."""
        body = b"0" if judging else b"inf"  # calls that pass before
        request = urllib.request.Request(f"{self._url}/moto-api/reset-auth", body, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request):
            pass

    def _policy(self, step: str) -> dict[str, Any]:
        """Return a step's policy as moto can judge it."""
        values = {"Bucket": BUCKET, "Project": "flights", "Region": REGION, "Account": ACCOUNT, "Role": "pipeline"}
        policy = policies.read(step, **values)
        for statement in policy["Statement"]:
            statement.pop("Condition", None)
            actions = policies.as_list(statement["Action"])
            statement["Action"] = actions + [MOTO_NAMES[action] for action in actions if action in MOTO_NAMES]
            if not actions[0].startswith("s3:"):
                statement["Resource"] = "*"
            elif "s3:DeleteObject" in actions:  # many at once: moto asks for the right on the bucket
                statement["Resource"] = [*policies.as_list(statement["Resource"]), f"arn:aws:s3:::{BUCKET}"]
        return policy


@pytest.fixture
def people(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    made = Aws(aws, monkeypatch)
    yield made
    made.judge(False)


def configuration() -> Config:
    return Config.model_validate(
        {
            "pipeline": {"project": "flights", "experiment": "one", "backend": "aws"},
            "train": {"image": IMAGE},
            "deploy": {"image": IMAGE},
            "aws": {"region": REGION, "bucket": BUCKET, "role": f"arn:aws:iam::{ACCOUNT}:role/pipeline"},
        }
    )


def upload(backend: AwsBackend, folder: Path) -> None:
    backend.create_bucket(Silent())
    (folder / "small.csv").write_text("1,2\n")
    with open(folder / "large.csv", "wb") as file:
        file.truncate(9 << 20)  # in parts
    files = [Upload(folder / name, f"data/train/{name}") for name in ("small.csv", "large.csv")]
    assert backend.upload(files, Silent()) == 2
    assert len(backend.find_objects("data/")) == 2
    backend.remove_others("data/train/", {"data/train/small.csv"}, Silent())
    assert list(backend.find_objects("data/")) == ["data/train/small.csv"]


def train(backend: AwsBackend, folder: Path) -> None:
    backend.train(TRAINING, Silent())
    backend.find_objects("model/output/")
    (folder / "model.txt").write_text("tree\n")
    backend.upload([Upload(folder / "model.txt", MODEL_KEY)], Silent())
    backend.download(MODEL_KEY, folder / "back.txt", Silent())


def deploy(backend: AwsBackend, _: Path) -> None:
    backend.deploy(HOSTING, Silent())
    assert backend.in_service(NAME)


def invoke(backend: AwsBackend, _: Path) -> None:
    backend.invoke(NAME, b"1,2\n", "text/csv")


def transform(backend: AwsBackend, _: Path) -> None:
    assert ACCOUNT in backend.describe()
    backend.transform(TRANSFORM, Silent())
    backend.find_objects("transform/output/")


def cleanup(backend: AwsBackend, _: Path) -> None:
    found, _kept = backend.find_resources(everything=True)
    assert {resource.kind for resource in found} >= {"endpoint", "endpoint-config", "model", "objects", "bucket"}
    for resource in found:
        backend.delete(resource, Silent())


STEPS: dict[str, Callable[[AwsBackend, Path], None]] = {
    "upload": upload,
    "train": train,
    "deploy": deploy,
    "invoke": invoke,
    "transform": transform,
    "cleanup": cleanup,
}


def test_each_step_runs_under_its_policy(people: Aws, tmp_path: Path, recorder: Recorder) -> None:
    """The whole pipeline; what each step calls is what reading the source has found."""
    source = Source(fasttrees.pipeline.aws, fasttrees._aws)
    assert list(STEPS) == policies.STEPS
    for step, run in STEPS.items():
        recorder.reset()
        run(people.backend(step), tmp_path)
        called = {operation for _, operation in recorder.operations}
        found = set().union(*(source.operations_of("AwsBackend", name) for name in METHODS[step]))
        assert called, step
        assert called <= found, step


@pytest.mark.parametrize("step", [step for step in policies.STEPS if step != "invoke"])
def test_no_step_runs_under_the_policy_of_invoke(step: str, people: Aws, tmp_path: Path) -> None:
    """A policy that lacks a right stops the step, and the message names the right and the file that grants it."""
    with pytest.raises(
        PipelineError, match=rf"right \S+ is missing.*docs/reference/aws/policies/.*{step}\.json"
    ) as error:
        STEPS[step](people.backend("invoke"), tmp_path)
    assert "\n" not in str(error.value)
