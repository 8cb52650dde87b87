"""moto's server, which answers as AWS does, and clients that talk to it over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import handlers
from botocore.loaders import create_loader
from botocore.retries.standard import ExponentialBackoff

from fasttrees.pipeline.aws.storage import AwsStorage
from fasttrees.pipeline.backend import Upload
from tests.support.aws.buckets import LARGE, REGION, SECRET, TOKEN, make_storage
from tests.support.aws.recorder import Faults, Recorder
from tests.support.aws.scripted import ScriptedAws, configuration
from tests.support.faulty_s3 import wait_for
from tests.support.lines import Lines
from tests.support.paths import ROOT
from tests.support.ports import free_port

LOADER = create_loader()


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


@pytest.fixture(autouse=True)
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


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """All calls of the backend; none may write unencrypted or to somebody else's bucket."""
    made = Recorder()
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", [*handlers.BUILTIN_HANDLERS, ("before-call", made.record)])
    yield made
    made.check()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedAws:
    """Answers by a script; retries take no time, and the services' descriptions are read once for all tests."""
    monkeypatch.setattr("botocore.session.create_loader", lambda *_: LOADER)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    return ScriptedAws(configuration())


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def s3(aws: str) -> Any:
    """A client of the test's own, to look at what the backend has done."""
    return boto3.Session().client("s3", region_name=REGION)


@pytest.fixture
def storage(recorder: Recorder) -> AwsStorage:
    return make_storage()


@pytest.fixture
def files(tmp_path: Path) -> list[Upload]:
    """Three files, one of them so large that it goes in parts."""
    made = []
    for name, size in {"a.csv": 1000, "large.csv": LARGE, "z.csv": 0}.items():
        path = tmp_path / "prepared" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
        made.append(Upload(path, f"data/train/{name}"))
    return made


@pytest.fixture
def ready(storage: AwsStorage, recorder: Recorder) -> AwsStorage:
    storage.create_bucket(Lines())
    recorder.reset()
    return storage
