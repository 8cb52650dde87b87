"""Routes and their answers, without sockets."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import re
import shutil
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees._textio.format import format_rows
from fasttrees.serving import models as models_module
from fasttrees.serving.app import MAX_JSON, App
from fasttrees.serving.errors import ModelSourceError, SettingsError
from fasttrees.serving.log import Log
from fasttrees.serving.message import Disconnected, Request, Response
from fasttrees.serving.models import PAGE, ServedModel, load_model
from fasttrees.serving.scoring import QUICK_WALKS, Scoring
from fasttrees.serving.settings import Settings
from tests.support.paths import FLIGHTS, MODELS, NUMERICAL

ROW = b"1,2,3,4,5\n"
NOTHING: Mapping[str, str] = MappingProxyType({})


class MemoryLog(Log):
    """Keeps what it would write."""

    def __init__(self, level: str = "debug") -> None:
        super().__init__(level)
        self.events: list[dict[str, Any]] = []

    def write(self, level: str, event: str, /, **facts: object) -> None:
        if self.wants(level):
            kept = {name: value for name, value in facts.items() if value is not None}
            self.events.append({"level": level, "event": event, **kept})


class Client:
    """Asks an application as a connection does."""

    def __init__(self, app: App, log: MemoryLog) -> None:
        self.app = app
        self.log = log

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NOTHING, whole: bool = True
    ) -> Response:
        request = Request(lambda now: None)
        request.method = method
        request.path, _, request.query = path.partition("?")
        request.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request.add(body)
        if whole:
            request.end()
        else:
            request.fail(Disconnected())
        response = self.app.answer_now(request) if request.is_small else None
        return response or await self.app.answer(request)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Return the status and the body, read as its type says."""
        response = asyncio.run(self.send(method, path, body, headers))
        answer = b"".join(response.body)
        return response.status, json.loads(answer) if response.content_type == "application/json" else answer

    def invoke(self, body: bytes, **headers: str) -> tuple[int, Any]:
        return self.ask("POST", "/invocations", body, **headers)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def make_client(pool: ThreadPoolExecutor, path: str = NUMERICAL, level: str = "debug", **environment: str) -> Client:
    settings = Settings.from_environment(environment)
    log = MemoryLog(level)
    return Client(App(settings, load_model(path, settings), pool, log), log)


@pytest.fixture
def client(pool: ThreadPoolExecutor) -> Client:
    return make_client(pool)


@pytest.fixture
def endpoint(pool: ThreadPoolExecutor, tmp_path: Path) -> Client:
    """A multi-model endpoint, and below tmp_path / name what the service would have unpacked."""
    log = MemoryLog()
    return Client(App(Settings(multi_model=True), None, pool, log, str(tmp_path)), log)


def unpack(tmp_path: Path, name: str, model: str = "numerical") -> str:
    directory = tmp_path / name / "model"
    directory.mkdir(parents=True)
    shutil.copy(MODELS / f"{model}.txt", directory / "model.txt")
    return str(directory)


def scores(rows: bytes, model: str = "numerical") -> bytes:
    values = np.array([line.split(b",") for line in rows.split()], dtype=np.float64)
    return format_rows(fasttrees.load(MODELS / f"{model}.txt").predict(values).data, len(values))


def test_ping(client: Client) -> None:
    assert client.ask("GET", "/ping") == (200, b"")


def test_execution_parameters(pool: ThreadPoolExecutor) -> None:
    client = make_client(pool, SAGEMAKER_MODEL_SERVER_WORKERS="3")
    expected = {"MaxConcurrentTransforms": 3, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
    assert client.ask("GET", "/execution-parameters") == (200, expected)


@pytest.mark.parametrize("n_rows", [0, 1, 2, QUICK_WALKS // 4 + 10])
def test_invocations(client: Client, n_rows: int) -> None:
    assert client.invoke(ROW * n_rows, content_type="text/csv") == (200, scores(ROW) * n_rows)


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/jsonlines", "application/x-npy"])
def test_only_few_rows_are_scored_in_the_loop(client: Client, content_type: str) -> None:
    """Many rows can stand in a small body, in one line even."""

    def is_quick(n_rows: int) -> bool:
        rows = np.zeros((n_rows, 5), np.float32)
        npy = io.BytesIO()
        np.save(npy, rows)
        bodies = {
            "text/csv": ROW * n_rows,
            "application/json": json.dumps(rows.tolist()).encode(),
            "application/jsonlines": b"[1,2,3,4,5]\n" * n_rows,
            "application/x-npy": npy.getvalue(),
        }
        served = load_model(NUMERICAL, Settings())
        return Scoring(served, {"content-type": content_type}, Settings()).is_quick(bodies[content_type])

    assert is_quick(1) == (content_type != "application/x-npy")
    assert not is_quick(QUICK_WALKS // 4 + 1)


def test_bad_row_says_where(client: Client) -> None:
    assert client.invoke(ROW + b"1,2,x,4,5\n") == (400, b"row 2, column 3: bad cell: expected a number, got 'x'\n")
    status, answer = client.invoke(ROW + b"1,2,x,4,5\n", accept="application/json")
    assert status == 400
    assert answer["code"] == 400
    assert (answer["row"], answer["column"]) == (2, 3)
    event = client.log.events[-1]
    assert event["level"] == "warning"
    assert (event["status"], event["row"], event["column"]) == (400, 2, 3)


def test_bad_row_far_into_a_body(client: Client) -> None:
    status, answer = client.invoke(ROW * 200_000 + b"1,2,3\n")
    assert status == 400
    assert answer.startswith(b"row 200001: ")


def test_placeholder(pool: ThreadPoolExecutor) -> None:
    client = make_client(pool, BAD_ROW_PLACEHOLDER="ERROR")
    assert client.invoke(ROW + b"1,2,x,4,5\n" + ROW) == (200, scores(ROW) + b"ERROR\n" + scores(ROW))
    assert client.log.events[-1]["rows"] == 3
    assert client.log.events[-1]["bad_rows"] == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/invocations", {}, 405),
        ("POST", "/ping", {}, 405),
        ("GET", "/nothing", {}, 404),
        ("GET", "/models", {}, 404),
        ("POST", "/invocations", {"accept": "image/png"}, 406),
        ("POST", "/invocations", {"content_type": "image/png"}, 415),
        ("POST", "/invocations", {"content_encoding": "gzip"}, 415),
    ],
)
def test_refused(client: Client, method: str, path: str, headers: dict[str, str], status: int) -> None:
    got, answer = client.ask(method, path, ROW, **headers)
    assert got == status
    assert answer.endswith(b"\n")
    assert client.log.events[-1]["status"] == status


def test_body_limit(pool: ThreadPoolExecutor) -> None:
    client = make_client(pool, MAX_CONTENT_LENGTH="100")
    assert client.invoke(ROW * 10)[0] == 200
    for headers in ({}, {"content_length": "20000"}):
        status, answer = client.invoke(ROW * 2000, **headers)
        assert status == 413
        assert b"at most 100 bytes" in answer
    status, answer = client.invoke(ROW * 11)
    assert status == 413


def test_request_id(client: Client) -> None:
    async def ask(**headers: str) -> str:
        response = await client.send("GET", "/ping", headers=headers)
        return dict(response.headers)["X-Request-Id"]

    assert asyncio.run(ask(x_request_id="mine")) == "mine"
    assert asyncio.run(ask(x_amzn_sagemaker_inference_id="service's", x_request_id="mine")) == "service's"
    first, second = asyncio.run(ask()), asyncio.run(ask(x_request_id="line\nbreak"))
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}-\d+", second)


def test_log_line(client: Client) -> None:
    client.invoke(ROW * 3, x_request_id="one")
    event = client.log.events[-1]
    assert event.pop("milliseconds") >= 0
    assert event == {
        "level": "info",
        "event": "request",
        "status": 200,
        "request_id": "one",
        "method": "POST",
        "path": "/invocations",
        "rows": 3,
        "bytes_in": 30,
        "bytes_out": len(scores(ROW)) * 3,
    }


def test_pings_are_logged_below_info_only(pool: ThreadPoolExecutor) -> None:
    for level, number in (("info", 0), ("debug", 1)):
        client = make_client(pool, level=level)
        client.ask("GET", "/ping")
        assert len(client.log.events) == number


def test_failure_of_our_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client learns no more than that, the log all."""

    def break_down(*arguments: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("fasttrees.serving.scoring.Scoring.work", break_down)
    for body in (ROW, ROW * QUICK_WALKS):
        client.log.events.clear()
        status, answer = client.invoke(body)
        assert status == 500
        assert b"secret" not in answer
        failure, request = client.log.events
        assert "break_down" in failure["traceback"]
        assert failure["request_id"] == request["request_id"]


def test_memory_error_may_be_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("fasttrees.serving.scoring.Scoring.work", break_down)
    assert client.invoke(ROW)[0] == 503


def test_client_that_is_gone(client: Client) -> None:
    with pytest.raises(Disconnected):
        asyncio.run(client.send("POST", "/invocations", ROW, whole=False))
    assert client.log.events[-1]["event"] == "disconnected"


def test_metrics(client: Client) -> None:
    client.invoke(ROW * 2)
    client.invoke(b"x\n")
    client.ask("GET", "/ping")
    status, text = client.ask("GET", "/metrics")
    assert status == 200
    lines = text.decode().splitlines()
    for line in (
        'fasttrees_requests_total{route="/invocations",status="200"} 1',
        'fasttrees_requests_total{route="/invocations",status="400"} 1',
        'fasttrees_requests_total{route="/ping",status="200"} 1',
        "fasttrees_rows_total 2",
        "fasttrees_received_bytes_total 22",
        'fasttrees_invocation_seconds_bucket{le="+Inf"} 2',
        "fasttrees_invocation_seconds_count 2",
        "fasttrees_models 1",
    ):
        assert line in lines
    names = re.compile(r'(# (HELP|TYPE) )?[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \S.*')
    assert all(names.fullmatch(line) for line in lines)
    buckets = [int(line.split()[1]) for line in lines if "_bucket" in line]
    assert buckets == sorted(buckets)


# -- multi-model endpoint ---------------------------------------------------------------------------------------------


def load(endpoint: Client, name: object, url: object) -> tuple[int, Any]:
    return endpoint.ask("POST", "/models", json.dumps({"model_name": name, "url": url}).encode())


def test_models_come_and_go(endpoint: Client, tmp_path: Path) -> None:
    assert endpoint.ask("GET", "/ping") == (200, b"")
    assert endpoint.ask("GET", "/models") == (200, {"models": []})
    urls = {name: unpack(tmp_path, name) for name in ("a", "b")}
    urls["m"] = unpack(tmp_path, "m", "multiclass")
    for name, url in urls.items():
        assert load(endpoint, name, url)[0] == 200
    described = {name: {"modelName": name, "modelUrl": url} for name, url in urls.items()}
    assert endpoint.ask("GET", "/models") == (200, {"models": list(described.values())})
    assert endpoint.ask("GET", "/models/b") == (200, described["b"])
    assert endpoint.ask("POST", "/models/a/invoke", ROW) == (200, scores(ROW))
    assert endpoint.ask("POST", "/models/m/invoke", ROW) == (200, scores(ROW, "multiclass"))
    assert endpoint.ask("DELETE", "/models/a")[0] == 200
    assert endpoint.ask("GET", "/models/a")[0] == 404
    assert endpoint.ask("POST", "/models/a/invoke", ROW)[0] == 404
    assert endpoint.ask("DELETE", "/models/a")[0] == 404
    assert load(endpoint, "a", urls["a"])[0] == 200


def test_same_model_twice(endpoint: Client, tmp_path: Path) -> None:
    url = unpack(tmp_path, "a")
    assert load(endpoint, "a", url)[0] == 200
    assert load(endpoint, "a", url)[0] == 409


def test_same_model_twice_at_once(endpoint: Client, tmp_path: Path) -> None:
    body = json.dumps({"model_name": "a", "url": unpack(tmp_path, "a")}).encode()

    async def both() -> list[Response]:
        return await asyncio.gather(*[endpoint.send("POST", "/models", body) for _ in range(2)])

    assert sorted(response.status for response in asyncio.run(both())) == [200, 409]


@pytest.mark.parametrize(
    ("name", "url", "status"),
    [
        ("", "{}/a/model", 400),
        (None, "{}/a/model", 400),
        ("x/y", "{}/a/model", 400),
        ("..", "{}/a/model", 400),
        ("a", "/etc/passwd", 400),
        ("a", "{}/../../etc", 400),
        ("a", "{}/link", 400),
        ("a", "{}/none", 400),
        ("a", "{}/a\0", 400),
        ("a", 1, 400),
        ("a", "{}/damaged", 400),
    ],
)
def test_models_that_cannot_be_loaded(endpoint: Client, tmp_path: Path, name: object, url: object, status: int) -> None:
    unpack(tmp_path, "a")
    (tmp_path / "link").symlink_to("/etc")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model.txt").write_text(Path(NUMERICAL).read_text()[:-900])
    url = url.format(tmp_path) if isinstance(url, str) else url
    got, answer = load(endpoint, name, url)
    assert got == status, answer
    assert endpoint.ask("GET", "/models") == (200, {"models": []})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"[" * 50_000, b" " * (MAX_JSON + 1)])
def test_what_is_no_wish_for_a_model(endpoint: Client, body: bytes) -> None:
    assert endpoint.ask("POST", "/models", body)[0] in (400, 413)


def test_not_enough_memory(endpoint: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = unpack(tmp_path, "a")
    monkeypatch.setattr(models_module, "available_memory", lambda: 1000)
    status, answer = load(endpoint, "a", url)
    assert status == 507
    assert b"not enough memory" in answer
    monkeypatch.undo()
    assert load(endpoint, "a", url)[0] == 200


def test_pages(endpoint: Client, tmp_path: Path) -> None:
    url = unpack(tmp_path, "a")
    names = [f"{number:05}" for number in range(2 * PAGE + 1)]
    for name in names:
        assert load(endpoint, name, url)[0] == 200
    listed: list[str] = []
    path = "/models"
    for size in (PAGE, PAGE, 1):
        status, answer = endpoint.ask("GET", path)
        assert status == 200
        assert len(answer["models"]) == size
        listed += [model["modelName"] for model in answer["models"]]
        path = f"/models?next_page_token={answer.get('nextPageToken')}"
    assert "nextPageToken" not in answer
    assert listed == names


def test_invocations_belong_to_the_other_kind(endpoint: Client) -> None:
    status, answer = endpoint.invoke(ROW)
    assert status == 404
    assert b"/models/{model_name}/invoke" in answer


def test_target_model_is_logged(endpoint: Client, tmp_path: Path) -> None:
    load(endpoint, "a", unpack(tmp_path, "a"))
    endpoint.ask("POST", "/models/a/invoke", ROW, x_amzn_sagemaker_target_model="team/a.tar.gz")
    event = endpoint.log.events[-1]
    assert (event["model"], event["target_model"]) == ("a", "team/a.tar.gz")


def test_unloading_gives_memory_back(endpoint: Client, tmp_path: Path) -> None:
    """Loading and unloading round each call, as with the model cache switched off, costs nothing for ever."""

    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    directory = tmp_path / "large"
    directory.mkdir()
    shutil.copy(FLIGHTS / "model.txt", directory)
    sizes = []
    for _ in range(60):
        assert load(endpoint, "a", str(directory))[0] == 200
        assert endpoint.ask("POST", "/models/a/invoke", b",".join([b"1"] * 23) + b"\n")[0] == 200
        assert endpoint.ask("DELETE", "/models/a")[0] == 200
        sizes.append(resident())
    assert sizes[-1] - sizes[9] < 8 << 20  # 50 models kept, of more than a megabyte each, would show


@pytest.mark.parametrize("body", [b"1,x,3,4,5\n", b"1,x,3,4,5\n" * 5000])
def test_failed_requests_do_not_keep_a_model(
    endpoint: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """Nor the rows that were scored before: nothing waits for the garbage collector, which may not run for long."""
    loaded: list[weakref.ref[ServedModel]] = []

    def remember(*args: Any, **kwargs: Any) -> ServedModel:
        served = load_model(*args, **kwargs)
        loaded.append(weakref.ref(served))
        return served

    monkeypatch.setattr(models_module, "load_model", remember)
    gc.disable()
    try:
        assert load(endpoint, "a", unpack(tmp_path, "a"))[0] == 200
        assert endpoint.ask("POST", "/models/a/invoke", body)[0] == 400
        assert endpoint.ask("DELETE", "/models/a")[0] == 200
        assert loaded[0]() is None
    finally:
        gc.enable()


# -- loading ----------------------------------------------------------------------------------------------------------


def test_settings_that_a_model_cannot_meet() -> None:
    with pytest.raises(SettingsError, match="PREDICTION_THRESHOLD"):
        load_model(str(MODELS / "categorical.txt"), Settings(prediction_threshold=0.5))


def test_model_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    with pytest.raises(ModelSourceError, match="No such file"):
        load_model(str(path), Settings())
    path.write_text("tree\nnothing")
    with pytest.raises(ModelSourceError, match=r"model\.txt: .*damaged"):
        load_model(str(path), Settings())
