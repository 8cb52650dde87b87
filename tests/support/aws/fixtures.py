"""Fixtures: moto's server, which answers as AWS does, and what is sent to it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore import handlers
from botocore.retries.standard import ExponentialBackoff

from tests.support.aws.recorder import Faults, Recorder
from tests.support.faulty_s3 import wait_for
from tests.support.paths import ROOT
from tests.support.ports import free_port

__all__ = [
    "BLOCKED",
    "BUCKET",
    "KEY",
    "REGION",
    "SECRET",
    "TOKEN",
    "aws",
    "faults",
    "make_own",
    "moto_url",
    "recorder",
    "s3",
]

REGION = "sa-east-1"
BUCKET = "flights-data"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = "wJalrXUtnFEMI-a-secret-that-nobody-may-see"
TOKEN = "FwoGZXIvYXdzE-a-token-that-nobody-may-see"
BLOCKED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Run moto's server in a process of its own."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", str(ROOT / "tests" / "support" / "aws" / "moto_server.py"), str(port)]
    env = {**os.environ, "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=env, stdout=quiet, stderr=quiet) as moto:
        try:
            wait_for(port, moto)
            yield f"http://127.0.0.1:{port}"
        finally:
            moto.terminate()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty AWS for each test, by variables alone, as a user would have it; return the server's URL."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with urllib.request.urlopen(urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")):
        return moto_url


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Errors in the place of answers; retries take no time."""
    made = Faults()
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS, ("before-send", made.send)])
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    return made


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """All calls of the backend; none may write unencrypted or to somebody else's bucket."""
    made = Recorder()
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS, ("before-call", made.record)])
    yield made
    made.check()


@pytest.fixture
def s3(aws: str) -> Any:
    """A client of the test's own, to look at what the backend has done."""
    return boto3.Session().client("s3", region_name=REGION)


def make_own(s3: Any, **settings: bool) -> None:
    """A bucket of the user's own."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    if settings.get("encrypted"):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    else:
        s3.delete_bucket_encryption(Bucket=BUCKET)
    if settings.get("private"):
        s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=BLOCKED)
