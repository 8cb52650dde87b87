"""Storage and files of a pipeline, against moto's server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from botocore.loaders import create_loader
from botocore.retries.standard import ExponentialBackoff

from fasttrees.pipeline.aws import AwsBackend
from fasttrees.pipeline.backend import Upload
from tests.support.aws.buckets import LARGE, make_backend
from tests.support.aws.fixtures import aws, faults, moto_url, recorder, s3
from tests.support.aws.recorder import Recorder
from tests.support.aws.scripted import ScriptedAws, configuration
from tests.support.lines import Lines

__all__ = ["aws", "faults", "moto_url", "recorder", "s3"]  # fixtures

LOADER = create_loader()


@pytest.fixture(autouse=True)
def against_moto(aws: str, recorder: Recorder) -> None:
    """Every test has an empty AWS of its own, and all its calls are checked."""


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
def storage(recorder: Recorder) -> AwsBackend:
    return make_backend()


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
def ready(storage: AwsBackend, recorder: Recorder) -> AwsBackend:
    storage.create_bucket(Lines())
    recorder.reset()
    return storage
