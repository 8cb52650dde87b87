"""The stub server, and what makes a job short."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fasttrees._sagemaker.batch_transform import client as client_module
from tests.support.stub import Stub
from tests.support.transforms import Run


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


@pytest.fixture
def run(tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(client_module, "FIRST_PAUSE", 0.01)
    return Run(tmp_path, stub)
