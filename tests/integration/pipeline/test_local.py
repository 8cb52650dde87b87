"""The whole pipeline on this machine: each step's result, what is repeated and what is not, and the way back."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import psutil
import pytest

import fasttrees
from fasttrees import pipeline
from fasttrees.cli import main
from fasttrees.pipeline import Config, JobFailedError, PipelineError
from fasttrees.pipeline.backend import TrainingJob
from fasttrees.pipeline.local import LocalBackend
from fasttrees.pipeline.state import State
from tests.support.lines import Lines

N_ROWS = 600
SETTINGS: dict[str, dict[str, Any]] = {
    "pipeline": {"project": "shop", "experiment": "first", "directory": "work"},
    "prepare": {"raw": ["raw.csv"], "target": "bought", "classes": ["no", "yes"], "part_size_mb": 1},
    "train": {
        "hyperparameters": {
            "objective": "binary",
            "num_iterations": 12,
            "num_leaves": 7,
            "min_data_in_leaf": 5,
            "early_stopping_round": 5,
            "num_threads": 1,
            "seed": 1,
        }
    },
}


def write_raw(path: Path, seed: int = 0) -> None:
    """A table with numbers, words, missing cells of both, and a quoted comma."""
    rng = np.random.default_rng(seed)
    lines = ["age,city,bought,spent"]
    for _ in range(N_ROWS):
        age, spent = rng.integers(18, 90), rng.normal(50, 20)
        city = rng.choice(['"São Paulo, SP"', "Rio", "Recife", ""])
        likely = 0.2 + 0.5 * (age > 50) + 0.2 * (city == "Rio")
        cells = [f"{age}" if rng.random() > 0.1 else "", city, "yes" if rng.random() < likely else "no", f"{spent!r}"]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def configure(folder: Path, **changes: dict[str, Any]) -> Config:
    values = {name: {**SETTINGS.get(name, {}), **changes.get(name, {})} for name in {*SETTINGS, *changes}}
    path = folder / "pipeline.toml"
    path.write_text(pipeline.template(values), encoding="utf-8")
    return Config.load(path)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    write_raw(tmp_path / "raw.csv")
    config = configure(tmp_path)
    yield config
    pipeline.cleanup(config, everything=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A pipeline that has run once; tests must leave it so."""
    folder = tmp_path_factory.mktemp("pipeline")
    write_raw(folder / "raw.csv")
    config = configure(folder)
    pipeline.run(config)
    yield config
    pipeline.cleanup(config, everything=True)


def test_answers_are_those_of_lightgbm(done: Config) -> None:
    """From raw cells through endpoint and Batch Transform: the bits that LightGBM predicts for the prepared rows."""
    trained = pipeline.train(done)
    booster = lightgbm.Booster(model_file=trained.model_uri)
    bucket = done.folder / "bucket"
    names = sorted(bucket.rglob("data/test/features/*.csv"))
    rows = np.concatenate([np.genfromtxt(name, delimiter=",", ndmin=2) for name in names])
    expected = np.asarray(booster.predict(rows))
    scored = pipeline.transform(done)
    joined = np.genfromtxt(scored.joined, delimiter=",", skip_header=1)
    assert joined[:, 1].tobytes() == expected.tobytes()
    assert scored.n_rows == len(rows) == len(joined)
    for row in range(3):
        for prepared in (False, True):
            invoked = pipeline.invoke(done, row=row, prepared=prepared)
            assert float(invoked.answer) == expected[row]
            assert invoked.truth == ("yes" if joined[row, 0] else "no")
            assert bool(invoked.sample) is not prepared


def test_layout_of_the_bucket(done: Config) -> None:
    bucket = done.folder / "bucket"
    trained = pipeline.train(done)
    keys = {path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file()}
    expected = {
        *["data/raw/raw.csv", "data/schema.json", "data/train/part-00000.csv", "data/validation/part-00000.csv"],
        *["data/test/samples.json", "data/test/labelled/part-00000.csv", "data/test/features/part-00000.csv"],
        *[f"model/output/{trained.job}/output/model.tar.gz", "shop/first/model.txt"],
        f"transform/output/{pipeline.transform(done).job}/part-00000.csv.out",
    }
    assert expected <= keys
    with tarfile.open(bucket / f"model/output/{trained.job}/output/model.tar.gz") as archive:
        model = archive.extractfile("model.txt")
        assert model is not None
        assert model.read() == (bucket / "shop/first/model.txt").read_bytes()


def test_model_knows_the_columns(done: Config) -> None:
    model = fasttrees.load(pipeline.train(done).model_uri)
    assert model.feature_name() == ["age", "city", "spent"]
    assert 0 < model.num_trees() <= 12


def test_reports_are_there(done: Config) -> None:
    for report in (pipeline.train(done).report, pipeline.transform(done).report):
        assert Path(report).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert pipeline.transform(done).metrics["auc"] > 0.6


def test_second_run_does_nothing_again(done: Config) -> None:
    state = (done.folder / "state.json").read_bytes()
    progress = Lines()
    pipeline.run(done, progress)
    assert progress.lines == [
        f"{step}: done before, nothing has changed" for step in ("prepare", "upload", "train", "deploy", "transform")
    ]
    assert (done.folder / "state.json").read_bytes() == state


def test_only_what_is_gone_is_made_again(config: Config) -> None:
    first = pipeline.run(config)
    bucket = config.folder / "bucket"
    (bucket / "data/train/part-00000.csv").unlink()
    Path(first.joined).unlink()
    progress = Lines()
    again = pipeline.run(config, progress)
    said = "\n".join(progress.lines)
    assert all(f"{step}: done before" in said for step in ("prepare", "train", "deploy"))
    assert "upload: done before" not in said
    assert "transform: done before" not in said
    assert again.metrics == first.metrics


def test_changed_settings_are_noticed(config: Config) -> None:
    pipeline.prepare(config)
    pipeline.upload(config)
    changed = configure(config.home, prepare={"seed": 2})
    with pytest.raises(PipelineError, match="step prepare was done with another configuration"):
        pipeline.train(changed)
    assert {row["step"]: row["status"] for row in pipeline.status(changed)} == {
        "prepare": "outdated",
        "upload": "outdated",
        "train": "missing",
        "deploy": "missing",
        "transform": "missing",
    }


def test_steps_need_those_before_them(config: Config) -> None:
    with pytest.raises(PipelineError, match="step prepare is not done; `fasttrees pipeline prepare` does it"):
        pipeline.upload(config)
    pipeline.prepare(config)
    with pytest.raises(PipelineError, match="step upload is not done"):
        pipeline.train(config)
    with pytest.raises(PipelineError, match="step train is not done"):
        pipeline.deploy(config)


def test_failed_training_says_why_and_the_next_try_is_another_job(config: Config) -> None:
    pipeline.prepare(config)
    pipeline.upload(config)
    wrong = configure(config.home, train={"hyperparameters": {"objective": "binary", "num_leafs": 3}})
    names = []
    for _ in range(2):
        with pytest.raises(JobFailedError, match="num_leafs") as caught:
            pipeline.train(wrong)
        names.append(re.findall(r"training job (\S+) failed", str(caught.value))[0])
    assert names[1] == f"{names[0]}-1"
    train = pipeline.status(wrong)[2]
    assert train["status"] == "failed"
    assert "num_leafs" in train["what"]
    assert pipeline.train(config).metrics


def test_endpoint_is_replaced_when_the_model_is(config: Config) -> None:
    pipeline.run(config)
    before = pipeline.invoke(config).answer
    url = pipeline.deploy(config).location
    hyperparameters = {**SETTINGS["train"]["hyperparameters"], "num_iterations": 3}
    changed = configure(config.home, train={"hyperparameters": hyperparameters})
    pipeline.train(changed)
    with pytest.raises(PipelineError, match="step deploy was done with another configuration"):
        pipeline.invoke(changed)
    assert pipeline.deploy(changed).location != url
    assert pipeline.invoke(changed).answer != before


def test_target_of_0_and_1_is_binary(config: Config) -> None:
    raw = config.home / "raw.csv"
    raw.write_text(raw.read_text().replace(",yes,", ",1,").replace(",no,", ",0,"))
    numbers = configure(config.home, prepare={"classes": []})
    assert "auc" in pipeline.run(numbers).metrics
    assert pipeline.invoke(numbers).truth in ("0", "1")
    raw.write_text(raw.read_text().replace(",1,", ",2,"))
    pipeline.prepare(numbers)
    pipeline.upload(numbers)
    with pytest.raises(JobFailedError, match="expected 0 or 1 for the objective binary, got 2"):
        pipeline.train(numbers)


def test_threshold_reaches_the_endpoint(config: Config) -> None:
    labels = configure(config.home, deploy={"environment": {"PREDICTION_THRESHOLD": "0.5"}})
    scored = pipeline.run(labels)
    assert pipeline.invoke(labels).answer in ("0", "1")
    assert "accuracy" in scored.metrics


def test_a_bucket_that_is_gone_is_filled_again(config: Config) -> None:
    first = pipeline.run(config)
    shutil.rmtree(config.folder / "bucket")
    again = pipeline.run(config)
    assert again.metrics == first.metrics
    assert Path(pipeline.train(config).model_uri).is_file()


# Stands for docker: a container that goes on when its client was killed.
DOCKER = """#!{python}
import sys
from pathlib import Path
with open("{log}", "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "run":
    Path(sys.argv[sys.argv.index("--cidfile") + 1]).write_text("c0ffee")
    sys.exit(137)
"""


def test_container_of_an_interrupted_job_is_removed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(python=sys.executable, log=log))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    backend = LocalBackend(config)
    pipeline.prepare(config)
    pipeline.upload(config)
    job = TrainingJob("job", "train:1", {}, {"train": "data/train/"}, "model/output")
    for _ in range(2):
        with pytest.raises(JobFailedError, match="status 137"):
            backend.train(job, Lines())
    commands = [line.split()[0] for line in log.read_text().splitlines()]
    assert commands == ["run", "rm", "run"]
    pipeline.cleanup(config)
    assert log.read_text().splitlines()[-1] == "rm --force c0ffee"
    assert not (config.folder / "jobs" / "job").exists()


def test_server_that_has_ended(config: Config) -> None:
    pipeline.run(config)
    record = json.loads((config.folder / "endpoints" / "shop-first.json").read_text())
    process = psutil.Process(record["pid"])
    process.kill()
    process.wait()
    with pytest.raises(PipelineError, match=r"does not answer .*; `fasttrees pipeline deploy` starts it again"):
        pipeline.invoke(config)


def test_own_sample(done: Config) -> None:
    answer = pipeline.invoke(done, sample={"age": 30, "city": "Rio", "spent": 12.5}).answer
    model = fasttrees.load(pipeline.train(done).model_uri)
    schema = json.loads((done.prepared_folder / "data/schema.json").read_text())
    rio = next(column for column in schema["features"] if column["name"] == "city")["categories"].index("Rio")
    assert float(answer) == model.predict(np.array([[30, rio, 12.5]]))[0]
    with pytest.raises(PipelineError, match="'town': no such column"):
        pipeline.invoke(done, sample={"age": 30, "town": "Rio", "spent": 12.5})
    with pytest.raises(PipelineError, match="row: expected 0 to 19, got 20"):
        pipeline.invoke(done, row=20)


def test_cleanup_leaves_nothing_but_reports(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw.csv")
    config = configure(tmp_path)
    pipeline.run(config)
    found, kept = pipeline.find_resources(config, everything=True)
    assert {resource.kind for resource in found} == {"endpoint", "training-job", "objects", "bucket", "prepared"}
    assert not kept
    refused = pipeline.cleanup(config, everything=True, confirm=lambda found, kept: False)
    assert not refused.deleted
    assert pipeline.invoke(config).answer

    pipeline.cleanup(config)
    assert (config.folder / "bucket").is_dir()
    assert not pipeline.find_resources(config)[0]
    with pytest.raises(PipelineError, match="step deploy is not done"):
        pipeline.invoke(config)
    assert {row["step"]: row["status"] for row in pipeline.status(config)} == {
        **dict.fromkeys(("prepare", "upload", "train", "transform"), "done"),
        "deploy": "missing",
    }

    pipeline.cleanup(config, everything=True)
    left = {path.relative_to(tmp_path / "work").parts[:2] for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert left == {("local", "reports")}
    assert not pipeline.cleanup(config, everything=True).deleted


def test_one_command_at_a_time(config: Config) -> None:
    config.directory.mkdir()
    with open(config.directory / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(PipelineError, match="another command is at work there"):
            pipeline.prepare(config)
        with pytest.raises(PipelineError, match="another command is at work there"):
            pipeline.cleanup(config)
    assert pipeline.prepare(config).n_test


def test_full_disk_is_named_with_its_step(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pipeline.prepare(config)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", fill)
        with pytest.raises(PipelineError, match=r"step upload: .*work: No space left on device; once that is mended"):
            pipeline.upload(config)
    assert pipeline.upload(config).keys


def test_a_folder_of_the_users_is_no_bucket(config: Config) -> None:
    mine = config.folder / "bucket" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    pipeline.prepare(config)
    with pytest.raises(PipelineError, match="not a bucket of fasttrees, and not empty"):
        pipeline.upload(config)
    pipeline.cleanup(config, everything=True)
    assert mine.read_text() == "mine"


def test_raw_table_is_found_from_the_file_of_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw(tmp_path / "raw.csv")
    Path("conf").mkdir()
    assert main(["pipeline", "init", "conf/p.toml", "--raw", "raw.csv", "--raw", str(tmp_path / "raw.csv")]) == 0
    assert Config.load("conf/p.toml").prepare.raw == ["../raw.csv", str(tmp_path / "raw.csv")]


def test_data_of_the_user_is_not_what_prepare_wrote(config: Config) -> None:
    mine = config.prepared_folder / "data" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(PipelineError, match=r"data: prepare has not written this, so it is not replaced"):
        pipeline.prepare(config)
    assert not pipeline.cleanup(config, everything=True).deleted
    assert mine.read_text() == "mine"
    mine.rename(config.prepared_folder / "mine.txt")
    mine.parent.rmdir()
    pipeline.prepare(config)
    assert [item.kind for item in pipeline.cleanup(config, everything=True).deleted] == ["prepared"]
    assert [path.name for path in config.prepared_folder.iterdir()] == ["mine.txt"]


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw(tmp_path / "raw.csv")

    def run(*arguments: str, status: int = 0) -> str:
        assert main(["pipeline", *arguments]) == status
        return capsys.readouterr().err if status else capsys.readouterr().out

    assert "wrote pipeline.toml" in run("init", "--raw", "raw.csv", "--target", "bought")
    assert "there already" in run("init", status=1)
    text = Path("pipeline.toml").read_text().replace("num_iterations = 300", "num_iterations = 5\nnum_threads = 1")
    Path("pipeline.toml").write_text(text)
    assert "step prepare is not done" in run("upload", status=1)
    result = json.loads(run("run", "--quiet", "--json"))
    with open(result["joined"]) as joined:
        assert len(joined.readlines()) == 1 + result["n_rows"]
    assert [line.split()[:2] for line in run("status").splitlines()] == [
        *[[step, "done"] for step in ("prepare", "upload", "train", "deploy", "transform")]
    ]
    assert "truth:" in run("invoke", "--row", "1")
    Path("sample.json").write_text('{"age": 30, "city": null, "spent": "7"}')
    assert json.loads(run("invoke", "--sample", "sample.json", "--json"))["truth"] == ""
    Path("sample.json").write_text("[1]")
    assert "expected a JSON object" in run("invoke", "--sample", "sample.json", status=1)
    assert main(["pipeline", "cleanup", "--all", "--dry-run"]) == 0
    listed = capsys.readouterr()
    assert listed.err.count("  bucket ") == 1
    assert not listed.out
    assert "nobody is there to answer" in run("cleanup", "--all", status=1)
    assert "deleted 5" in run("cleanup", "--all", "--yes")
    assert "missing" in run("status")
    run("prepare")
    assert "deleted 1" in run("cleanup", "--all", "--yes")
    assert not Path("pipeline/prepared").exists()
    assert not [line for line in run("status").splitlines() if "missing" not in line]


def test_fewer_parts_than_before(config: Config) -> None:
    """Training takes all that lies in the bucket's folder: rows of an earlier upload must not."""
    pipeline.prepare(config)
    uploaded = pipeline.upload(config)
    bucket = Path(uploaded.bucket)
    stale = bucket / "data/train/part-00007.csv"
    stale.write_bytes((bucket / "data/train/part-00000.csv").read_bytes())
    with pytest.raises(PipelineError, match="data/: is no longer what upload has put there"):
        pipeline.train(config)
    pipeline.upload(config)
    assert not stale.exists()
    pipeline.train(config)


def test_a_run_has_one_backend_and_reads_each_state_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type] = []
    for kind in (LocalBackend, State):
        original = kind.__init__

        def init(self: object, *arguments: Any, original: Any = original, **options: Any) -> None:
            made.append(type(self))
            original(self, *arguments, **options)

        monkeypatch.setattr(kind, "__init__", init)
    pipeline.run(config)
    assert made.count(LocalBackend) == 1
    assert made.count(State) == 2  # of what is prepared, and of the backend's steps
