"""The stub server, and what makes a job short."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fasttrees._sagemaker.batch_transform import Client, Job, Summary, find_objects, transform
from fasttrees._sagemaker.batch_transform import client as client_module
from tests.support.stub import Stub


@pytest.fixture(scope="session")
def shared_stub() -> Iterator[Stub]:
    stub = Stub()
    thread = threading.Thread(target=stub.serve_forever, args=(0.02,))
    thread.start()
    yield stub
    stub.shutdown()
    thread.join()
    stub.server_close()


@pytest.fixture
def stub(shared_stub: Stub) -> Stub:
    shared_stub.reset()
    return shared_stub


class Run:
    """Transforms a directory with a stub; keeps what was said of failed files."""

    def __init__(self, folder: Path, stub: Stub) -> None:
        self.source = folder / "in"
        self.target = folder / "out"
        self.source.mkdir()
        self.stub = stub
        self.failures: list[str] = []

    def put(self, name: str, text: bytes) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)

    def __call__(self, job: Job | None = None) -> Summary:
        self.failures = []
        job = job or Job()
        client = Client(self.stub.url, job)
        return transform(
            find_objects(str(self.source), str(self.target)), client, job, start_timeout=5, fail=self.failures.append
        )

    def outputs(self) -> dict[str, bytes]:
        paths = (path for path in self.target.rglob("*") if path.is_file())
        return {str(path.relative_to(self.target)): path.read_bytes() for path in paths}


@pytest.fixture
def run(tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(client_module, "FIRST_PAUSE", 0.01)
    return Run(tmp_path, stub)
