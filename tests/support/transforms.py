"""A Batch Transform of a folder, with a stub in place of the server."""

from __future__ import annotations

from pathlib import Path

from fasttrees._sagemaker.batch_transform import Client, Job, Summary, find_objects, transform
from tests.support.stub import Stub


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
