"""Training jobs on this machine: the service's side of the training contract, with a folder for ``/opt/ml``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from fasttrees._runtime.atomic_file import replacing
from fasttrees._runtime.progress import Progress
from fasttrees._sagemaker.contract import ROOT
from fasttrees.pipeline.backend import JobOutcome, TrainingJob
from fasttrees.pipeline.errors import JobFailedError, PipelineError
from fasttrees.pipeline.local._bucket import Bucket
from fasttrees.pipeline.results import Resource
from fasttrees.training import METRIC_DEFINITIONS

__all__ = ["TrainingJobs"]

OUTCOME = "outcome.json"
CONTAINER = "container"  # Docker writes its id there
LAST_LINES = 5  # of the log, shown when a job fails
MAX_REASON = 1024  # characters of the failure file that the service keeps


class TrainingJobs:
    """The jobs below a folder.

    Parameters
    ----------
    folder : Path
    bucket : Bucket
    network : str
        Docker's ``--network``.
    """

    def __init__(self, folder: Path, bucket: Bucket, network: str) -> None:
        self._folder = folder
        self._bucket = bucket
        self._network = network

    def run(self, job: TrainingJob, progress: Progress) -> JobOutcome:
        """Run a job, unless it has ended well before."""
        home = self._folder / job.name
        if (home / OUTCOME).is_file():
            outcome = json.loads((home / OUTCOME).read_text())
            return JobOutcome(outcome["seconds"], outcome["metrics"], earlier=True)
        self.delete(job.name)  # of a run that was interrupted
        root = home / "ml"
        self._provide(job, root)
        started = time.monotonic()
        metrics = self._follow(job, self._command(job, root), root, progress)
        seconds = time.monotonic() - started
        artifact = self._bucket.path(f"{job.output_prefix}/{job.name}/output/model.tar.gz")
        artifact.parent.mkdir(parents=True, exist_ok=True)
        with replacing(artifact) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for path in sorted((root / "model").iterdir()):
                archive.add(path, path.name)
        shutil.rmtree(root / "input")
        (home / OUTCOME).write_text(json.dumps({"seconds": seconds, "metrics": metrics}))
        return JobOutcome(seconds, metrics)

    def unpack(self, key: str) -> Path:
        """Unpack an artefact, as the service does for the image that serves it."""
        folder = self._folder / key.split("/")[-3] / "unpacked"
        if not folder.is_dir():
            with tarfile.open(self._bucket.path(key)) as archive:
                archive.extractall(folder, filter="data")
        return folder

    def find(self) -> list[Resource]:
        """List the jobs that left something."""
        names = sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []
        return [Resource(kind="training-job", name=name, detail="its working folder") for name in names]

    def delete(self, name: str) -> None:
        """Delete what a job left, its container if that still runs; its artefact is in the bucket."""
        home = self._folder / name
        if (home / CONTAINER).is_file() and not (home / OUTCOME).is_file():
            command = ["docker", "rm", "--force", (home / CONTAINER).read_text()]
            subprocess.run(command, capture_output=True, check=False)
        with suppress(FileNotFoundError):
            shutil.rmtree(home)

    def _provide(self, job: TrainingJob, root: Path) -> None:
        """Lay out what a job finds: configuration and the channels' files."""
        config = root / "input" / "config"
        for folder in (config, root / "model", root / "output" / "data"):
            folder.mkdir(parents=True)
        channels = {}
        for channel, prefix in job.channels.items():
            keys = self._bucket.find_objects(prefix)
            if not keys:
                raise PipelineError(f"channel {channel}: nothing at {prefix} in {self._bucket.bucket_uri}")
            cut = prefix.rpartition("/")[0] + "/"  # the service, too, leaves out the folders of the prefix
            for key in keys:
                target = root / "input" / "data" / channel / key.removeprefix(cut)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(self._bucket.path(key), target)
                except OSError:  # file systems without hard links
                    shutil.copyfile(self._bucket.path(key), target)
            channels[channel] = {
                "ContentType": job.content_type,
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
        host = "algo-1"
        resources = {"current_host": host, "hosts": [host], "network_interface_name": "lo"}
        for name, table in (
            ("hyperparameters", dict(job.hyperparameters)),
            ("inputdataconfig", channels),
            ("resourceconfig", resources),
        ):
            (config / f"{name}.json").write_text(json.dumps(table))

    def _command(self, job: TrainingJob, root: Path) -> list[str]:
        if not job.image:
            return [sys.executable, "-m", "fasttrees.training", "--root", str(root), "train"]
        network = ["--network", self._network] if self._network else []
        mount = f"type=bind,source={root.absolute()},target={ROOT}"
        own = ["--name", job.name, "--cidfile", str(root.parent / CONTAINER)]
        return ["docker", "run", "--rm", *own, *network, "--mount", mount, job.image, "train"]

    def _follow(self, job: TrainingJob, command: list[str], root: Path, progress: Progress) -> dict[str, float]:
        """Run the job and show its log; return its metrics, read from the log as the service does."""
        metrics: dict[str, float] = {}
        patterns = [(definition["Name"], re.compile(definition["Regex"])) for definition in METRIC_DEFINITIONS]
        last: deque[str] = deque(maxlen=LAST_LINES)
        environment = {**os.environ, "TRAINING_JOB_NAME": job.name}
        try:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except FileNotFoundError as error:
            raise PipelineError(f"{command[0]}: command not found") from error
        assert process.stdout is not None
        try:
            with process.stdout as lines:
                for raw in lines:
                    line = raw.decode("utf-8", "backslashreplace").rstrip()
                    last.append(line)
                    progress.say(line)
                    metrics |= {name: float(match[1]) for name, pattern in patterns if (match := pattern.search(line))}
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if status:
            failure = root / "output" / "failure"
            reason = failure.read_text()[:MAX_REASON].strip() if failure.is_file() else " / ".join(last)
            raise JobFailedError(f"training job {job.name} failed (status {status}): {reason}")
        return metrics
