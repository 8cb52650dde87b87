"""Storage and files of a pipeline, against moto's server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader
from botocore.retries.standard import ExponentialBackoff

from fasttrees.pipeline import Config
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.storage import AwsStorage
from fasttrees.pipeline.backend import Upload
from tests.support.aws.fixtures import BUCKET, REGION, aws, faults, moto_url, recorder, s3
from tests.support.aws.recorder import Recorder
from tests.support.aws.scripted import ScriptedAws, configuration

__all__ = ["aws", "faults", "moto_url", "recorder", "s3"]  # fixtures

LOADER = create_loader()
LARGE = (20 << 20) + 17  # bytes: three parts


class Lines:
    """What a backend had to say."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.advances: list[tuple[str, int, int | None, str]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.advances.append((what, done, total, unit))


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


def make_config(**aws: Any) -> Config:
    return Config.model_validate(
        {
            "pipeline": {"project": "flights", "experiment": "one"},
            "aws": {"region": REGION, "bucket": BUCKET, **aws},
        }
    )


def make_storage(**aws: Any) -> AwsStorage:
    config = make_config(**aws)
    return AwsStorage(Account(config.aws), config)


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
