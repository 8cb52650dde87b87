"""The image that trains, run as SageMaker runs it: ``docker run IMAGE train`` with ``/opt/ml``, without a network."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import fasttrees
from tests.support.containers import SECONDS, TRAIN_IMAGE, docker, inspect, mount
from tests.support.training_jobs import BINARY, make_job, read_channel

MOST_MB = 700


def run(root: Path, *options: str, command: str = "train", status: int = 0) -> str:
    arguments = ["run", "--rm", "--network", "none", *mount(root, "/opt/ml", "rw"), *options, TRAIN_IMAGE, command]
    return docker(*arguments, status=status)


def test_trains(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    log = run(job)
    facts = json.loads((job / "model/metrics.json").read_text())
    assert f"the model ends with iteration {facts['best_iteration']}\n" in log
    assert "fasttrees predicts all 600 rows of validation as LightGBM does, bit for bit\n" in log
    model = fasttrees.load(job / "model/model.txt")
    assert model.num_trees() == facts["best_iteration"]
    rows, _ = read_channel(job, "validation")
    assert len(model.predict(rows)) == 600
    assert "ROC curve" in (job / "model/report.html").read_text()
    assert not (job / "output/failure").exists()


def test_data_that_cannot_be_written(tmp_path: Path) -> None:
    """As the service mounts it."""
    job = make_job(tmp_path)
    run(job, *mount(job / "input", "/opt/ml/input"))
    assert (job / "model/model.txt").exists()


def test_threads_are_those_of_the_container(tmp_path: Path) -> None:
    job = make_job(tmp_path, BINARY | {"num_iterations": "2"})
    assert " num_threads=1 " in run(job, "--cpus", "1")


def test_wrong_hyperparameter_is_the_failure(tmp_path: Path) -> None:
    job = make_job(tmp_path, BINARY | {"num_leaves": "1"})
    reason = "hyperparameter num_leaves: expected > 1, got '1'"
    assert run(job, status=1) == f"fasttrees.training: error: {reason}\n"
    assert (job / "output/failure").read_text() == reason
    assert not (job / "model").exists()


def test_sigterm_keeps_the_model_so_far(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"objective": "binary", "num_iterations": "1000000"})
    name = f"fasttrees-test-{uuid.uuid4().hex[:12]}"
    docker("run", "--detach", "--name", name, "--network", "none", *mount(job, "/opt/ml", "rw"), TRAIN_IMAGE, "train")
    try:
        deadline = time.monotonic() + SECONDS
        while "\n[3] " not in docker("logs", name):
            assert time.monotonic() < deadline, docker("logs", name)
            time.sleep(0.05)
        docker("stop", "--time", "50", name)
        assert int(docker("wait", name)) == 0, docker("logs", name)
    finally:
        docker("rm", "--force", name)
    facts = json.loads((job / "model/metrics.json").read_text())
    assert facts["stopped"]
    assert fasttrees.load(job / "model/model.txt").num_trees() == facts["iterations"] >= 3


def test_serve_says_which_image_serves(tmp_path: Path) -> None:
    log = run(tmp_path, command="serve", status=1)
    assert log == "fasttrees.training: error: this image trains; the image fasttrees-serve serves\n"


def test_image() -> None:
    """No compiler, no pip, nothing where SageMaker mounts; and it does not grow unseen."""
    assert inspect(TRAIN_IMAGE, ".Config.Entrypoint") == ["/train/bin/python", "-m", "fasttrees.training"]
    code = "which gcc g++ pip pip3 make || ls -A /opt | grep . || ls /train/lib/python3.11/site-packages | grep -x pip"
    docker("run", "--rm", "--network", "none", "--entrypoint", "sh", TRAIN_IMAGE, "-c", code, status=1)
    assert int(inspect(TRAIN_IMAGE, ".Size")) < MOST_MB * 1e6
