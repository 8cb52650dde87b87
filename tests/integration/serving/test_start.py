"""How a server starts, and how it ends when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fasttrees.serving.memory import available_memory
from fasttrees.serving.server import _listen
from tests.support.paths import MODELS, NUMERICAL
from tests.support.servers import RunningServer


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fasttrees.serving", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in run.stderr
    assert run.stdout == ""
    return run.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MODEL_PATH": "/none"}, "/none: No such file or directory"),
        ({"MODEL_PATH": str(MODELS)}, "'categorical.txt', 'forest.txt'"),
        ({"MODEL_PATH": NUMERICAL, "MODEL_SHA256": "0" * 64}, f"expected SHA-256 {'0' * 64} (MODEL_SHA256), got "),
        ({"MODEL_PATH": NUMERICAL, "PREDICTION_THRESHOLD": "2"}, "PREDICTION_THRESHOLD: expected a number from 0 to 1"),
        ({"MODEL_PATH": str(MODELS / "linear.txt"), "PREDICTION_THRESHOLD": "0.5"}, "PREDICTION_THRESHOLD: "),
        ({"MODEL_PATH": NUMERICAL, "SAGEMAKER_INFERENCE_OUTPUT": "labels,nonsense"}, "SAGEMAKER_INFERENCE_OUTPUT: "),
        (
            {"MODEL_PATH": NUMERICAL, "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "image/png"},
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: ",
        ),
    ],
)
def test_what_cannot_be_served(environment: dict[str, str], message: str) -> None:
    done = run("serve", **environment)
    assert done.returncode == 1
    assert last_line(done).startswith("fasttrees: error: ")
    assert message in last_line(done)


def test_damaged_model(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text(Path(NUMERICAL).read_text().replace("leaf_value=", "leaf_value=x ", 1))
    done = run("serve", MODEL_PATH=str(tmp_path))
    assert done.returncode == 1
    assert "damaged" in last_line(done)
    assert "leaf_value" in last_line(done)


def test_port_that_is_taken() -> None:
    with RunningServer(NUMERICAL) as server:
        done = run("serve", MODEL_PATH=NUMERICAL, SAGEMAKER_BIND_TO_PORT=str(server.port))
    assert done.returncode == 1
    assert f"cannot listen on 0.0.0.0:{server.port}" in last_line(done)


def test_train_is_refused() -> None:
    done = run("train")
    assert done.returncode == 1
    assert "does not train" in last_line(done)


@pytest.mark.parametrize("arguments", [[], ["predict"], ["serve", "more"]])
def test_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert last_line(done).startswith("usage: serve")


def test_container_entry_serves_everywhere(tmp_path: Path) -> None:
    """On all addresses, and with everything that a request could wait for made before."""
    with RunningServer(NUMERICAL) as server:
        port = server.port  # free a moment later
    command = [sys.executable, "-m", "fasttrees.serving", "serve"]
    environment = {**os.environ, "MODEL_PATH": NUMERICAL, "SAGEMAKER_BIND_TO_PORT": str(port)}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while b'"listening"' not in (tmp_path / "log").read_bytes():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert b'"stopped"' in (tmp_path / "log").read_bytes()


def test_process_that_serves_has_not_imported_what_is_heavy() -> None:
    code = (
        "import sys; import fasttrees.serving.__main__, fasttrees.serving.server; "
        "print(*({'numpy', 'boto3', 'botocore', 'argparse', 'tqdm', 'urllib.request', 'email'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -- memory -----------------------------------------------------------------------------------------------------------


def test_available_memory_of_this_machine() -> None:
    assert 0 < available_memory() < 1 << 50


def test_available_memory_version_2(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    assert available_memory(str(tmp_path), "/none") == 300
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 250\n")
    assert available_memory(str(tmp_path), "/none") == 550
    (tmp_path / "memory.current").write_text("2000\n")
    assert available_memory(str(tmp_path), "/none") == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(str(tmp_path), "/none") == sys.maxsize


def test_available_memory_version_1(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    (memory / "memory.limit_in_bytes").write_text("1000\n")
    (memory / "memory.usage_in_bytes").write_text("700\n")
    (memory / "memory.stat").write_text("total_inactive_file 50\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 5 kB\nMemAvailable:    1 kB\n")
    assert available_memory(str(tmp_path), str(meminfo)) == 350
    meminfo.write_text("MemTotal: 5 kB\nMemAvailable:    0 kB\n")
    assert available_memory(str(tmp_path), str(meminfo)) == 350


def test_answers_do_not_wait_for_more() -> None:
    """Asyncio sets TCP_NODELAY on connections whose sockets name TCP as their protocol, which they inherit."""
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.proto == socket.IPPROTO_TCP
