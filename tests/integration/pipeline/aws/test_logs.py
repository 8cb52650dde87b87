"""The lines of CloudWatch: each once, from all streams, whatever fails on the way."""

from typing import Any

import pytest

from fasttrees.pipeline.aws.logs import TRAINING_JOBS, LogTail
from tests.support.aws.scripted import DENIED, MISSING_LOG, THROTTLED, Error, ScriptedAws, log


def tail(scripted: ScriptedAws) -> LogTail:
    return LogTail(scripted.account, TRAINING_JOBS, "job-1/", "train")


def events(*lines: str, token: str) -> dict[str, Any]:
    return {"events": [{"message": line, "timestamp": 0} for line in lines], "nextForwardToken": token}


def test_no_log_group_yet(scripted: ScriptedAws) -> None:
    lines = tail(scripted)
    assert list(lines.read()) == []
    scripted.script |= log("job-1/algo-1-1", ["begun"])
    assert list(lines.read()) == ["begun"]


def test_streams_come_in_pages_and_are_told_apart(scripted: ScriptedAws) -> None:
    streams = [{"logStreamName": f"job-1/algo-{number}-1"} for number in (1, 2)]
    pages = [{"logStreams": streams[:1], "nextToken": "more"}, {"logStreams": streams[1:]}]

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        return events(*([] if "nextToken" in params else ["begun"]), token="f/1")

    scripted.script |= {"DescribeLogStreams": pages, "GetLogEvents": [answer]}
    assert list(tail(scripted).read()) == ["algo-1-1: begun", "algo-2-1: begun"]
    assert scripted.requests("DescribeLogStreams") == [
        {"logGroupName": TRAINING_JOBS, "logStreamNamePrefix": "job-1/"},
        {"logGroupName": TRAINING_JOBS, "logStreamNamePrefix": "job-1/", "nextToken": "more"},
    ]


def test_an_empty_page_is_not_the_end(scripted: ScriptedAws) -> None:
    """CloudWatch may answer no events and another token: the end is where the token stays."""
    scripted.script |= log("job-1/algo-1-1", ["one"], [], ["two"])
    assert list(tail(scripted).read()) == ["one", "two"]


def test_lines_that_come_later(scripted: ScriptedAws) -> None:
    scripted.script |= log("job-1/algo-1-1", ["one"])
    lines = tail(scripted)
    assert list(lines.read()) == ["one"]
    scripted.script["GetLogEvents"] = [events("two", token="f/9"), events(token="f/9")]
    assert list(lines.read()) == ["two"]
    assert list(lines.read()) == []
    assert lines.end() == ["one", "two"]


@pytest.mark.parametrize("failure", [DENIED, THROTTLED, Error("ServiceUnavailableException", "busy", 503)])
def test_failure_on_the_way_loses_no_line(scripted: ScriptedAws, failure: Error) -> None:
    scripted.script |= log("job-1/algo-1-1", ["one"])
    scripted.script["GetLogEvents"] = [events("one", token="f/1"), *8 * [failure], *8 * [failure]]
    lines = tail(scripted)
    said = list(lines.read())
    assert said[0] == "one"
    assert said[1].startswith("the log cannot be shown: log group /aws/sagemaker/TrainingJobs: ")
    assert "(GetLogEvents was answered " in said[1]
    assert list(lines.read()) == []  # said once
    scripted.script["GetLogEvents"] = [events("two", token="f/2"), events(token="f/2")]
    assert list(lines.read()) == ["two"]


def test_end_of_a_long_log(scripted: ScriptedAws) -> None:
    """Of a job that was not watched, only the end is asked for."""
    scripted.script |= log("job-1/algo-1-1", [f"line {number}" for number in range(10)])
    assert tail(scripted).end() == [f"line {number}" for number in range(10)]
    (request,) = scripted.requests("GetLogEvents")
    assert (request["startFromHead"], request["limit"]) == (False, 10)


def test_end_of_a_log_that_was_read_is_its_last_lines(scripted: ScriptedAws) -> None:
    scripted.script |= log("job-1/algo-1-1", [f"line {number}" for number in range(100)])
    lines = tail(scripted)
    assert len(list(lines.read())) == 100
    assert lines.end() == [f"line {number}" for number in range(90, 100)]


def test_end_of_no_log(scripted: ScriptedAws) -> None:
    scripted.script["DescribeLogStreams"] = [MISSING_LOG]
    assert tail(scripted).end() == []
