"""The log's lines."""

from __future__ import annotations

import json
import re

import pytest

from fasttrees.serving.log import LEVELS, Log


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_line(capfd: pytest.CaptureFixture[str]) -> None:
    Log().write("info", "request", rows=1, problem=None, path="/\n\ud800ä")
    (line,) = lines(capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
    assert line == {"level": "info", "event": "request", "rows": 1, "path": "/\n\ud800ä"}


def test_times_go_on(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    milliseconds = iter([1_000_250, 1_000_750, 1_001_500, 1_061_000])
    monkeypatch.setattr("time.time_ns", lambda: next(milliseconds) * 1_000_000)
    log = Log()
    for _ in range(4):
        log.write("info", "a")
    times = [str(line["time"]) for line in lines(capfd)]
    assert times == [f"1970-01-01T00:{rest}Z" for rest in ("16:40.250", "16:40.750", "16:41.500", "17:41.000")]


@pytest.mark.parametrize("level", LEVELS)
def test_levels(capfd: pytest.CaptureFixture[str], level: str) -> None:
    log = Log(level)
    for event_level in LEVELS:
        log.write(event_level, "a")
    assert [line["level"] for line in lines(capfd)] == list(LEVELS[LEVELS.index(level) :])


def test_traceback_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError as error:
        Log().exception("failure", error, request_id="x")
    (line,) = lines(capfd)
    assert line["error"] == "ZeroDivisionError: here"
    assert "test_log.py" in str(line["traceback"])
    assert line["request_id"] == "x"
