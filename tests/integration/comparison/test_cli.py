"""``fasttrees compare``: options and messages; and a quick run, in which both servers are ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fasttrees.cli import main
from fasttrees.comparison.results import Results
from fasttrees.comparison.rows import Bodies
from fasttrees.comparison.servers import FolderServer
from fasttrees.comparison.turn import take_turn
from tests.support.paths import MODELS

MODEL = MODELS / "numerical.txt"

SERVER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ANSWER

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
NO_LAST_LINE_END = "self.answer(200, b'\\n'.join([b'0.5'] * body.count(b'\\n')))"
END = "print('out of memory', flush=True); os._exit(9)"


def folder(path: Path, program: str) -> Path:
    """A Python container's folder whose server is what is given."""
    path.mkdir()
    (path / "requirements.txt").write_text("")
    (path / "serve").write_text(program)
    return path


def rows(path: Path, n_features: int, n_rows: int = 50) -> Path:
    path.write_text("".join(",".join([f"{row / 7:.3f}"] * n_features) + "\n" for row in range(n_rows)))
    return path


def n_features() -> int:
    text = next(line for line in MODEL.read_text().splitlines() if line.startswith("max_feature_idx="))
    return int(text.partition("=")[2]) + 1


def test_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = folder(tmp_path / "baseline", f'exec "{sys.executable}" -m fasttrees.serving serve\n')
    data = rows(tmp_path / "rows.csv", n_features())
    out = tmp_path / "out"
    arguments = ["--baseline", str(baseline), "--output", str(out), "--quick", "--seconds", "0.05"]
    assert main(["compare", str(MODEL), str(data), *arguments]) == 0
    printed = capsys.readouterr()
    assert "throughput, rows/s" in printed.out
    assert "fasttrees: round 1 of 1: python-container, 1 core" in printed.err
    found = Results.load(out / "results.json")
    assert found.agreement.equal_rows == found.agreement.rows > 0
    assert {turn.contender for turn in found.turns} == {"fasttrees", "python-container"}
    for turn in found.turns:
        assert 0 < turn.idle.pss <= turn.idle.rss
        assert turn.peak.pss >= turn.idle.pss
        assert turn.one_row.p50 <= turn.one_row.p99
        assert turn.bulk.cpu_seconds > 0
        assert turn.bulk.rows % found.data.bulk_rows == 0
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 6
    assert "http://" not in page
    assert json.loads((out / "results.json").read_text())["settings"]["quick"] is True


def failing(tmp_path: Path, capsys: pytest.CaptureFixture[str], baseline: Path, data: Path) -> str:
    arguments = ["--baseline", str(baseline), "--output", str(tmp_path / "out"), "--quick", "--seconds", "0.05"]
    assert main(["compare", str(MODEL), str(data), *arguments]) == 1
    assert not (tmp_path / "out" / "results.json").exists()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("fasttrees: error: ")
    return last


def test_a_server_that_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = folder(tmp_path / "baseline", "echo no model here; exit 3\n")
    text = failing(tmp_path, capsys, baseline, rows(tmp_path / "rows.csv", n_features()))
    assert "the server ended with status 3; its last line: no model here" in text


def test_a_server_that_ends_between_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = folder(tmp_path / "baseline", f'exec "{sys.executable}" "$(dirname "$0")/server.py"\n')
    (baseline / "server.py").write_text(SERVER.replace("ANSWER", END))
    text = failing(tmp_path, capsys, baseline, rows(tmp_path / "rows.csv", n_features()))
    assert text.startswith(f"fasttrees: error: sh {baseline}/serve: ")
    assert text.endswith("its last line: out of memory")


def test_answers_without_a_last_line_end(tmp_path: Path) -> None:
    baseline = folder(tmp_path / "baseline", f'exec "{sys.executable}" "$(dirname "$0")/server.py"\n')
    (baseline / "server.py").write_text(SERVER.replace("ANSWER", NO_LAST_LINE_END))
    text = b"1,2\n" * 300_000  # more than a body of 1 MB
    for name in ("bulk.csv", "large.csv"):
        (tmp_path / name).write_bytes(text)
    bodies = Bodies(
        tmp_path / "bulk.csv", tmp_path / "large.csv", [b"1,2\n"], 300_000, len(text), 300_000, payload_mb=1
    )
    server = FolderServer(baseline, MODEL, tmp_path / "environment")
    cpus = sorted(os.sched_getaffinity(0))
    take_turn(0, "python-container", server, cpus, 1, bodies, 0.05, tmp_path / "out")
    assert (tmp_path / "out" / "bulk.csv.out").read_bytes() == b"0.5\n" * 300_000


def test_a_shell_that_has_not_replaced_itself(tmp_path: Path) -> None:
    baseline = folder(tmp_path / "baseline", f'"{sys.executable}" -m fasttrees.serving serve; echo ended\n')
    server = FolderServer(baseline, MODEL, tmp_path / "environment")
    before = psutil.Process().children()
    with server.start(os.sched_getaffinity(0), 1):
        (shell,) = [process for process in psutil.Process().children() if process not in before]
        (served,) = shell.children()
    assert not shell.is_running()
    assert not served.is_running() or served.status() == psutil.STATUS_ZOMBIE  # its parent is gone


def test_no_folder_of_a_container(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = failing(tmp_path, capsys, tmp_path / "nothing", rows(tmp_path / "rows.csv", n_features()))
    assert "nothing/requirements.txt: no such file; expected the folder of a Python container" in text


def test_rows_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = folder(tmp_path / "baseline", f'exec "{sys.executable}" -m fasttrees.serving serve\n')
    text = failing(tmp_path, capsys, baseline, rows(tmp_path / "rows.csv", n_features() + 1))
    assert "row 1: expected status 200, got 400" in text
    assert "its last line" not in text  # of the log of requests


def test_no_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = folder(tmp_path / "baseline", "exit 1")
    data = tmp_path / "rows.csv"
    data.write_bytes(b"")
    assert "rows.csv: expected rows as CSV, got an empty file" in failing(tmp_path, capsys, baseline, data)


def test_unknown_region(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = rows(tmp_path / "rows.csv", n_features())
    assert main(["compare", str(MODEL), str(data), "--baseline", str(tmp_path), "--region", "mars-1"]) == 1
    assert "expected a region that the price table has (sa-east-1, us-east-1), got 'mars-1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one of the arguments --baseline-image --baseline is required"),
        (["--baseline-image", "a"], "--image and --baseline-image go together"),
        (["--baseline", "a", "--image", "b"], "--image and --baseline-image go together"),
        (["--baseline", "a", "--network", "host"], "--network needs --image"),
        (["--baseline", "a", "--rounds", "0"], "expected a whole number of at least 1, got '0'"),
        (["--baseline", "a", "--seconds", "nan"], "expected a number above 0 and up to 3600, got 'nan'"),
        (["--baseline", "a", "--fixed-minutes", "-1"], "expected a number from 0 to 1440, got '-1'"),
    ],
)
def test_usage(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", "model.txt", "rows.csv", *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_imports_none_of_it_before_it_runs() -> None:
    code = "import sys, fasttrees.cli; sys.exit(any(n.startswith('fasttrees.comparison.') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
