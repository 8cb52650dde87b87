"""What SageMaker asks of a container, asked of a real one."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from tests.support.containers import FLIGHTS_MODEL, IMAGE, SECONDS, Container, docker, inspect, mount
from tests.support.paths import FLIGHTS

ROWS = (FLIGHTS / "rows.csv").read_bytes()
PREDICTIONS = (FLIGHTS / "predictions.csv").read_bytes()


def test_ping_and_parameters(served: Container) -> None:
    assert served.request("GET", "/ping")[:2] == (200, b"")
    status, answer, _ = served.request("GET", "/execution-parameters")
    assert status == 200
    parameters = json.loads(answer)
    assert parameters["BatchStrategy"] == "MULTI_RECORD"
    assert 1 <= parameters["MaxConcurrentTransforms"] * parameters["MaxPayloadInMB"] <= 100


def test_predictions_have_every_bit_of_lightgbms(served: Container) -> None:
    assert served.invoke(ROWS) == (200, PREDICTIONS)


def test_a_wrong_row_is_named(served: Container) -> None:
    status, answer = served.invoke(ROWS.splitlines()[0] + b"\n1,2\n")
    assert status == 400
    assert b"row 2" in answer


def test_multi_model(tmp_path: Path) -> None:
    model = mount(FLIGHTS / "model.txt", "/opt/ml/models/abc/model/model.txt")
    with Container(*model, SAGEMAKER_MULTI_MODEL="true") as container:
        container.wait()
        assert container.request("GET", "/models")[:2] == (200, b'{"models": []}')
        assert container.request("POST", "/models/abc/invoke", ROWS, Content_Type="text/csv")[0] == 404
        load = json.dumps({"model_name": "abc", "url": "/opt/ml/models/abc/model"})
        assert container.request("POST", "/models", load, Content_Type="application/json")[0] == 200
        assert container.request("POST", "/models", load, Content_Type="application/json")[0] == 409
        answer = container.request("POST", "/models/abc/invoke", ROWS, Content_Type="text/csv")
        assert answer[:2] == (200, PREDICTIONS)
        assert container.request("DELETE", "/models/abc")[0] == 200
        assert container.request("GET", "/models/abc")[0] == 404


def test_labels_and_entry_point() -> None:
    config = inspect(IMAGE, ".Config")
    labels = config["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"
    assert config["Entrypoint"][0].startswith("/")
    assert not config.get("User")  # SageMaker expects root


def test_train_is_refused(tmp_path: Path) -> None:
    said = docker(
        "run", "--rm", "--network", "none", *mount(tmp_path, "/opt/ml/output", "rw"), IMAGE, "train", status=1
    )
    reason = (tmp_path / "failure").read_text(encoding="utf-8")
    assert "does not train" in reason
    assert reason in said
    assert "does not train" in docker("run", "--rm", "--network", "none", IMAGE, "train", status=1)


@pytest.mark.parametrize("arguments", [[], ["sreve"], ["serve", "now"]], ids=" ".join)
def test_other_arguments_give_the_usage(arguments: list[str]) -> None:
    said = docker("run", "--rm", "--network", "none", IMAGE, *arguments, status=2)
    assert said.startswith("usage: ")
    assert said.count("\n") == 1


def test_sigterm_lets_requests_end() -> None:
    with Container(*FLIGHTS_MODEL) as container:
        container.wait()
        connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=SECONDS)
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Type", "text/csv")
        connection.putheader("Content-Length", str(len(ROWS)))
        connection.endheaders(ROWS[:100_000])
        assert container.request("GET", "/ping")[0] == 200  # so the request before has arrived
        docker("kill", "--signal", "TERM", container.name)
        connection.send(ROWS[100_000:])
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, PREDICTIONS)
        connection.close()
        assert container.status() == 0


def test_sigterm_ends_an_idle_server_at_once() -> None:
    with Container(*FLIGHTS_MODEL) as container:
        container.wait()
        assert container.stop() == 0
