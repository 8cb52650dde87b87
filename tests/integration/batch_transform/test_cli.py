"""``fasttrees transform``: options, messages, status; interrupted, and with a server of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fasttrees.cli import main
from tests.support.paths import MODELS
from tests.support.stub import Handler, score_all
from tests.support.transforms import Run

MODEL = str(MODELS / "numerical.txt")

# Stands for docker: runs this package's server where the container's would listen.
DOCKER = """#!{python}
import os, signal, sys
arguments = sys.argv[1:]
with open({folder!r} + "/calls", "a") as calls:
    print(*arguments, file=calls)
if arguments[0] == "stop":
    with open({folder!r} + "/pid") as file:
        os.kill(int(file.read()), signal.SIGTERM)
    sys.exit()
with open({folder!r} + "/pid", "w") as file:
    file.write(str(os.getpid()))
value = dict(zip(arguments, arguments[1:]))
variables = dict(arguments[i + 1].split("=", 1) for i, name in enumerate(arguments) if name == "--env")
if "--publish" in value:
    variables["SAGEMAKER_BIND_TO_PORT"] = value["--publish"].split(":")[1]
variables["MODEL_PATH"] = dict(part.split("=", 1) for part in value["--mount"].split(",") if "=" in part)["source"]
os.execve(sys.executable, [sys.executable, "-m", "fasttrees.serving", "serve"], {{**os.environ, **variables}})
"""


def command(run: Run, *arguments: str) -> list[str]:
    return ["transform", "--input", str(run.source), "--output", str(run.target), *arguments]


def test_summary_and_failures(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(handler: Handler, body: bytes, number: int) -> bool:
        if b"bad" in body:
            handler.answer(400, b"row 1: 'bad'")
        return b"bad" in body

    run.stub.fault = refuse
    run.put("a.csv", b"1\n2\n")
    assert main(command(run, "--url", run.stub.url)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD\n" in out
    assert "1 file: 2 rows" in out
    assert "1 request: p50" in out
    run.put("b.csv", b"bad")
    assert main(command(run, "--url", run.stub.url, "--json")) == 1
    out, err = capsys.readouterr()
    assert err == (
        "fasttrees: error: b.csv: line 1: status 400 Bad Request: row 1: 'bad'\nfasttrees: error: 1 of 2 files failed\n"
    )
    facts = json.loads(out)
    assert (facts["files"], facts["failed_files"], facts["rows"], facts["input_bytes"]) == (2, 1, 2, 4)
    assert main(command(run, "--url", run.stub.url, "--quiet", "--batch-strategy", "SingleRecord")) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --image, --model, --url is needed"),
        (["--url", "http://a", "--model", "m"], "--url: the server runs already"),
        (["--url", "http://a", "--env", "A=1"], "--url: the server runs already"),
        (["--model", "m", "--network", "host"], "--network needs --image"),
        (["--model", "m", "--env", "A"], "expected NAME=VALUE, got 'A'"),
        (["--url", "http://a", "--max-payload-in-mb", "101"], "expected a whole number from 0 to 100, got '101'"),
        (["--url", "http://a", "--max-retries", "x"], "expected a whole number from 0 to 3, got 'x'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(command(run, *arguments))
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_refused_jobs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(run, "--url", "https://a")) == 1
    assert "expected http://HOST:PORT" in capsys.readouterr().err
    assert main(command(run, "--url", run.stub.url, "--join-source", "Input")) == 1
    assert "a join needs text/csv that is split and assembled by line" in capsys.readouterr().err
    run.stub.parameters = "{"
    assert main(command(run, "--url", run.stub.url)) == 1
    assert "/execution-parameters: expected a JSON object, got '{'" in capsys.readouterr().err


def test_a_server_that_does_not_start_is_heard(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run.put("a.csv", b"1\n")
    assert main(command(run, "--model", str(run.source / "a.csv"))) == 1
    err = capfd.readouterr().err.splitlines()
    assert err[0].startswith("server: fasttrees: error: ")
    assert "not a model that LightGBM wrote" in err[0]
    assert err[-1] == "fasttrees: error: the server ended with status 1"


def test_only_the_jobs_own_variables_reach_the_server(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREDICTION_THRESHOLD", "no number")
    assert main(command(run, "--model", MODEL, "--verbose")) == 0
    assert '"batch":true' in capfd.readouterr().err
    assert main(command(run, "--model", MODEL, "--env", "PREDICTION_THRESHOLD=x")) == 1
    assert "server: fasttrees: error: PREDICTION_THRESHOLD: expected" in capfd.readouterr().err


@pytest.mark.parametrize("network", [None, "host"])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_an_image_is_run_as_the_service_runs_it(
    network: str | None, whole_folder: bool, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(python=sys.executable, folder=str(tmp_path)))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    model = tmp_path / "model" / "mine.txt"
    model.parent.mkdir()
    model.write_bytes(Path(MODEL).read_bytes())
    arguments = ["--image", "an/image:1", "--model", str(model.parent if whole_folder else model)]
    arguments += ["--network", network] if network else []
    assert main(command(run, *arguments, "--env", "A=b=c", "--max-payload-in-mb", "2")) == 0
    start, stop = (tmp_path / "calls").read_text().splitlines()
    assert start.startswith("run --rm --name fasttrees-transform-")
    assert start.endswith("--env SAGEMAKER_BATCH=true --env SAGEMAKER_MAX_PAYLOAD_IN_MB=2 --env A=b=c an/image:1 serve")
    source, target = (model.parent, "") if whole_folder else (model, "/mine.txt")
    assert f"--mount type=bind,source={source},target=/opt/ml/model{target},readonly" in start
    assert ("--network host" in start) == ("--env SAGEMAKER_BIND_TO_PORT=" in start) == (network == "host")
    assert ("--publish 127.0.0.1:" in start) == (network is None)
    assert stop == f"stop --time 30 {start.split()[3]}"


def test_without_docker(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(run.source))
    assert main(command(run, "--image", "a")) == 1
    assert capsys.readouterr().err == "fasttrees: error: docker: command not found\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(number: signal.Signals, status: int, run: Run) -> None:
    """The job ends at once, though answers are awaited, and leaves no half of a file."""
    ended = threading.Event()

    def stall(handler: Handler, body: bytes, number: int) -> bool:
        if number:
            ended.wait()  # until the job is gone, which would otherwise wait for this answer
        return bool(number)

    run.stub.fault = stall
    run.put("a.csv", b"1\n2\n3\n")
    arguments = command(run, "--url", run.stub.url, "--batch-strategy", "SingleRecord")
    with subprocess.Popen([sys.executable, "-m", "fasttrees", *arguments], stderr=subprocess.PIPE, text=True) as job:
        while run.stub.n_requests < 2:
            time.sleep(0.01)
        job.send_signal(number)
        try:
            assert job.wait(60) == status
        finally:
            ended.set()
        assert job.stderr is not None
        assert job.stderr.read() == ""
    assert run.outputs() == {}


def test_the_server_dies_amid_the_job(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The job ends instead of failing each file after all its tries."""
    run.put("a.csv", b"1\n")
    for n in range(100):
        run.put(f"b{n}.csv", b"1\n")
    server = tmp_path / "docker"
    server.write_text(
        f"#!{sys.executable}\nimport http.server, sys, os\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200 if 'ping' in self.path else 404); self.end_headers()\n"
        "    def do_POST(self): print('out of memory', flush=True); os._exit(7)\n"
        "port = int([a for a in sys.argv if a.startswith('SAGEMAKER_BIND')][0].split('=')[1])\n"
        "http.server.HTTPServer(('127.0.0.1', port), H).serve_forever()\n"
    )
    server.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}{os.pathsep}{before}"
    try:
        assert main(command(run, "--image", "a", "--network", "host")) == 1
    finally:
        os.environ["PATH"] = before
    err = capfd.readouterr().err
    assert err.endswith("fasttrees: error: the server ended with status 7\n")
    assert "server: out of memory\n" in err
    assert run.outputs() == {}


def test_answers_are_those_of_the_stub(run: Run) -> None:
    run.put("x/a.csv", b"1,2\n" * 1000)
    assert main(command(run, "--url", run.stub.url + "/", "--max-concurrent-transforms", "3", "--quiet")) == 0
    assert run.outputs() == {"x/a.csv.out": score_all(b"1,2\n" * 1000)}
