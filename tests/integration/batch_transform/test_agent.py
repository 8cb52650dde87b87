"""The job against a stub server: what is sent, what is written, and what happens when things go wrong."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fasttrees._sagemaker.batch_transform import Client, Job, Limits, TransformError, find_objects, transform
from fasttrees._sagemaker.batch_transform.split import Records
from tests.support.stub import Fault, Handler, score, score_all
from tests.support.transforms import Run

ROWS = b"".join(b"%d,%d\n" % (n, n * n) for n in range(100_000))  # 1.5 MB


def test_files_become_answers(run: Run) -> None:
    run.put("a.csv", b"1,2\n3,4\n")
    run.put("deep/er/b.csv", b"5\n6")
    run.put("deep/empty", b"")
    run.put("big.csv", ROWS)
    summary = run(Job(max_payload_mb=1, max_concurrent=2))
    assert run.failures == []
    assert run.outputs() == {
        "a.csv.out": score_all(b"1,2\n3,4\n"),
        "deep/er/b.csv.out": score_all(b"5\n6"),
        "deep/empty.out": b"",
        "big.csv.out": score_all(ROWS),
    }
    assert (summary.files, summary.failed_files, summary.requests, summary.retries) == (4, 0, 4, 0)
    assert summary.rows == 100_004
    assert summary.input_bytes == len(ROWS) + 11
    assert summary.output_bytes == sum(map(len, run.outputs().values()))
    assert summary.seconds > 0
    assert 0 < summary.p50_seconds <= summary.p99_seconds
    assert sorted(map(len, run.stub.bodies))[:2] == [3, 8]  # no request mixes files
    assert max(map(len, run.stub.bodies)) <= 1 << 20


def test_one_file(run: Run) -> None:
    run.put("a.csv", b"1\n")
    job = Job()
    objects = find_objects(str(run.source / "a.csv"), str(run.target / "new"))
    transform(objects, Client(run.stub.url, job), job)
    assert run.outputs() == {"new/a.csv.out": score_all(b"1\n")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    text=st.lists(st.text("0123456789,.\r", max_size=12)).map(lambda lines: "\n".join(lines).encode()),
    limit=st.integers(14, 60),
    concurrent=st.integers(1, 4),
    single=st.booleans(),
)
def test_any_cut_gives_the_answer_of_one_request(
    text: bytes, limit: int, concurrent: int, single: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put("rows", text)
    monkeypatch.setattr(Limits, "resolve", lambda job, answer: Limits(limit, concurrent, single))
    run.stub.reset()
    summary = run()
    assert run.failures == []
    assert run.outputs()["rows.out"] == score_all(text)
    assert sum(map(len, run.stub.bodies)) == len(text)
    assert summary.requests == run.stub.n_requests


def test_headers_are_those_of_the_agent(run: Run) -> None:
    run.put("a", b"1\n")
    run(Job(content_type="text/csv; header=absent", accept="text/csv"))
    (headers,) = run.stub.headers
    assert headers == {
        "Host": run.stub.url.removeprefix("http://"),
        "User-Agent": "Go-http-client/1.1",
        "Accept-Encoding": "gzip",
        "Content-Type": "text/csv; header=absent",
        "Accept": "text/csv",
        "Content-Length": "2",
    }


@pytest.mark.parametrize("split_lines", [False, True])
def test_without_a_limit_files_are_sent_whole_and_chunked(split_lines: bool, run: Run) -> None:
    run.put("big.csv", ROWS * 2)
    run.put("empty.csv", b"")
    run(Job(max_payload_mb=0, split_lines=split_lines))
    assert run.outputs() == {"big.csv.out": score_all(ROWS * 2), "empty.csv.out": b""}
    assert run.stub.bodies == [ROWS * 2]
    assert run.stub.headers[0]["Transfer-Encoding"] == "chunked"


def test_connections_are_kept_and_used_at_once(run: Run) -> None:
    run.put("a", b"1\n" * 40)
    run.put("b", b"2\n" * 40)
    run.stub.tell(4, strategy="SINGLE_RECORD")
    run.stub.pause = 0.005
    summary = run()
    assert summary.requests == 80
    assert run.stub.most == 4
    assert len(run.stub.clients) == 4
    assert (summary.max_concurrent_transforms, summary.batch_strategy) == (4, "SINGLE_RECORD")


def test_one_request_at_a_time_where_nobody_asks_for_more(run: Run) -> None:
    run.put("a", ROWS)
    summary = run(Job(max_payload_mb=1))
    assert (run.stub.most, summary.max_concurrent_transforms, summary.requests) == (1, 1, 2)


def test_gzip_both_ways(run: Run) -> None:
    run.put("a.csv.gz", gzip.compress(ROWS))
    run.stub.packs = True
    summary = run(Job(gzip=True, max_payload_mb=1))
    assert run.outputs() == {"a.csv.gz.out": score_all(ROWS)}
    assert summary.input_bytes == len(gzip.compress(ROWS))


def test_join(run: Run) -> None:
    run.put("a.csv", b"1,2\r\n3,4")
    for payload in (0, 1):
        run(Job(join_input=True, assemble_lines=True, max_payload_mb=payload))
        expected = b"1,2," + score(b"1,2\r") + b"\n3,4," + score(b"3,4") + b"\n"
        assert run.outputs() == {"a.csv.out": expected}


def in_one_line(handler: Handler, body: bytes, number: int) -> bool:
    handler.answer(200, b'{"predictions": []}', "application/json")
    return True


def test_join_with_an_answer_of_other_lines(run: Run) -> None:
    run.stub.fault = in_one_line
    run.put("a.csv", b"1\n2\n")
    run.put("b.csv", b"3\n4\n")
    summary = run(Job(join_input=True, assemble_lines=True, accept="application/json"))
    assert summary.failed_files == 2
    assert run.failures == [
        f"{name}: lines 1 to 2: expected 2 lines in the answer, got 1" for name in ("a.csv", "b.csv")
    ]


def without_final_line_end(handler: Handler, body: bytes, number: int) -> bool:
    handler.answer(200, score_all(body)[:-1])
    return True


def test_assemble_with_line_ends_lines(run: Run) -> None:
    run.stub.fault = without_final_line_end
    run.put("a.csv", b"1\n2\n3\n")
    run(Job(batch_strategy="SingleRecord", assemble_lines=True))
    assert run.outputs() == {"a.csv.out": score_all(b"1\n2\n3\n")}


def test_answers_that_would_run_into_each_other(run: Run) -> None:
    run.stub.fault = without_final_line_end
    run.put("a.csv", b"1\n2\n3\n")
    run.put("b.csv", b"1\n")
    run(Job(batch_strategy="SingleRecord"))
    assert run.outputs() == {"b.csv.out": score(b"1")}
    (failure,) = run.failures
    assert failure.startswith("a.csv: line 2: the answer before has no final line end")


def test_other_types_are_glued_and_not_counted(run: Run) -> None:
    def answer(handler: Handler, body: bytes, number: int) -> bool:
        handler.answer(200, b'{"n": 1}', "application/json")
        return True

    run.stub.fault = answer
    run.put("a.json", b"[1,\n2]\n")
    summary = run(Job(content_type="application/json", batch_strategy="SingleRecord"))
    assert run.outputs() == {"a.json.out": b'{"n": 1}{"n": 1}'}
    assert summary.rows == 0


@pytest.mark.parametrize("n_lines", [0, 1, 3])
@pytest.mark.parametrize("payload", [0, 6])
def test_wrong_number_of_rows(payload: int, n_lines: int, run: Run) -> None:
    def answer(handler: Handler, body: bytes, number: int) -> bool:
        handler.answer(200, b"1\n" * n_lines)
        return True

    run.stub.fault = answer
    run.put("a.csv", b"1\n2")
    summary = run(Job(max_payload_mb=payload))
    place = "lines 1 to 2: " if payload else ""
    assert run.failures == [f"a.csv: {place}expected 2 lines in the answer, got {n_lines}"]
    assert (summary.requests, summary.rows, summary.failed_files) == (1, 0, 1)
    assert run.outputs() == {}


def test_a_file_fails_whole_and_the_others_go_on(run: Run) -> None:
    def refuse(handler: Handler, body: bytes, number: int) -> bool:
        if b"bad" in body:
            handler.answer(400, b"row 1: expected a number,\n got 'bad'")
        return b"bad" in body

    run.put("a.csv", b"1\n")
    run.put("b.csv", b"1\n" * 50 + b"bad\n" + b"2\n" * 500)
    run.put("c.csv", b"2\n")
    run.target.mkdir()
    for name in ("a.csv.out", "b.csv.out"):
        (run.target / name).write_bytes(b"old")
    run.stub.fault = refuse
    summary = run(Job(batch_strategy="SingleRecord", max_concurrent=2))
    assert run.failures == ["b.csv: line 51: status 400 Bad Request: row 1: expected a number, got 'bad'"]
    assert run.outputs() == {"a.csv.out": score_all(b"1\n"), "c.csv.out": score_all(b"2\n")}
    assert (summary.files, summary.failed_files, summary.rows, summary.retries) == (3, 1, 2, 0)
    assert run.stub.n_requests < 70  # the rest of the file is not sent


def test_a_record_larger_than_the_limit(run: Run) -> None:
    run.put("a.csv", b"1\n2\n" + b"3" * (1 << 20) + b"\n")
    run.put("b.csv", b"1\n")
    run(Job(max_payload_mb=1))
    assert run.failures == ["a.csv: line 3: the record is larger than 1 MB, the limit of a request"]
    assert run.outputs() == {"b.csv.out": score_all(b"1\n")}


def cut_answer(handler: Handler, body: bytes, number: int) -> bool:
    answer = score_all(body)
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer[:-1])
    handler.close_connection = True
    return True


def cut_chunked_answer(handler: Handler, body: bytes, number: int) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n")
    handler.close_connection = True
    return True


def no_answer(handler: Handler, body: bytes, number: int) -> bool:
    handler.close_connection = True
    return True


def unavailable(handler: Handler, body: bytes, number: int) -> bool:
    handler.answer(503, b"busy")
    return True


def no_http(handler: Handler, body: bytes, number: int) -> bool:
    handler.wfile.write(b"oops\r\n\r\n")
    handler.close_connection = True
    return True


FAULTS: dict[Fault, str] = {
    cut_answer: r"no whole answer: IncompleteRead",
    cut_chunked_answer: r"no whole answer: IncompleteRead",
    no_answer: "no whole answer: Remote end closed connection without response",
    unavailable: "status 503 Service Unavailable: busy",
    no_http: "no whole answer: ",
}


@pytest.mark.parametrize("payload", [0, 6])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_that_pass(fault: Fault, payload: int, run: Run) -> None:
    run.put("a.csv", b"1\n2\n3\n")
    run.stub.fault = lambda handler, body, number: number < 2 and fault(handler, body, number)
    summary = run(Job(max_payload_mb=payload))
    assert run.failures == []
    assert run.outputs() == {"a.csv.out": score_all(b"1\n2\n3\n")}
    assert (summary.requests, summary.retries) == (3, 2)
    assert run.stub.bodies == [b"1\n2\n3\n"] * 3


@pytest.mark.parametrize("max_retries", [0, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_that_stay(fault: Fault, max_retries: int, run: Run) -> None:
    run.put("a.csv", b"1\n")
    run.stub.fault = fault
    summary = run(Job(max_retries=max_retries))
    (failure,) = run.failures
    assert failure.startswith(f"a.csv: line 1: {FAULTS[fault]}")
    assert failure.endswith("(4 tries)") == (max_retries == 3)
    assert (summary.requests, summary.retries) == (max_retries + 1, max_retries)
    assert run.outputs() == {}


def test_a_stall_ends_with_the_timeout(run: Run) -> None:
    """The server would go on until the job is over, or for a minute."""
    over = threading.Event()

    def stall(handler: Handler, body: bytes, number: int) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n1")
        over.wait(60)
        handler.close_connection = True
        return True

    def trickle(handler: Handler, body: bytes, number: int) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        with suppress(OSError):  # the client is gone
            for _ in range(1200):
                if over.wait(0.05):
                    break
                handler.wfile.write(b"1")
        handler.close_connection = True
        return True

    run.put("a.csv", b"1\n")
    for fault in (stall, trickle):
        over.clear()
        run.stub.fault = fault
        run(Job(timeout=0.2, max_retries=0))
        over.set()
        assert run.failures == ["a.csv: line 1: no answer within 0.2 s"]


def test_an_early_answer_is_heard(run: Run) -> None:
    """A server may refuse a body before it has read it."""

    def refuse(handler: Handler, body: bytes, number: int) -> bool:
        handler.answer(413, b"at most 1 KB")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        handler.close_connection = True
        return True

    refuse.unread = True  # type: ignore[attr-defined]
    run.put("a.csv", ROWS * 8)
    run.stub.fault = refuse
    run(Job(split_lines=False, max_payload_mb=100))
    assert run.failures == ["a.csv: status 413 Request Entity Too Large: at most 1 KB"]


def test_an_idle_connection_that_the_server_ended_is_no_failure(run: Run) -> None:
    def answer_and_go(handler: Handler, body: bytes, number: int) -> bool:
        handler.answer(200, score_all(body))  # without saying that it closes
        handler.close_connection = True
        return True

    run.stub.fault = answer_and_go
    with closing(Client(run.stub.url, Job(max_retries=0))) as client:
        for _ in range(3):
            answer = client.invoke(Records(memoryview(b"1\n"), 1, 1), chunked=False)
            assert answer.body.read() == score_all(b"1\n")
            time.sleep(0.05)  # for the end of the connection to come


def test_a_late_ping_is_waited_for(run: Run) -> None:
    run.put("a.csv", b"1\n")
    run.stub.ping_statuses = [503, 500, 404]
    summary = run()
    assert summary.start_seconds > 0.1
    assert run.outputs() == {"a.csv.out": score_all(b"1\n")}


def test_a_server_that_is_never_healthy(run: Run) -> None:
    run.stub.ping_statuses = [503] * 1000
    job = Job()
    with pytest.raises(TransformError, match=r"not ready after 0.2 s; the last /ping: status 503: still loading"):
        transform([], Client(run.stub.url, job), job, start_timeout=0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransformError, match="the last /ping: Connection refused"):
        transform([], Client(f"http://127.0.0.1:{port}", job), job, start_timeout=0.1)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "https://127.0.0.1", "http://", "http://a:b", "ftp://a"])
def test_urls_that_are_no_use(url: str) -> None:
    with pytest.raises(TransformError, match="expected http://HOST:PORT"):
        Client(url, Job())


def test_the_output_must_not_lie_in_the_input(run: Run) -> None:
    for target in (run.source, run.source / "x"):
        with pytest.raises(TransformError, match="the output must not lie in the input"):
            find_objects(str(run.source), str(target))
    find_objects(str(run.source), str(run.source) + "-out")
    with pytest.raises(TransformError, match="expected a file or a directory"):
        find_objects(str(run.source / "missing"), str(run.target))


def test_files_that_cannot_be_read_fail(run: Run) -> None:
    run.put("a.csv", b"1\n")
    run.put("b.csv", b"1\n")
    objects = find_objects(str(run.source), str(run.target))
    (run.source / "a.csv").unlink()
    for payload in (0, 6):
        objects[0].failure = None
        job = Job(max_payload_mb=payload)
        transform(objects, Client(run.stub.url, job), job, fail=run.failures.append)
    assert run.failures == ["a.csv: No such file or directory"] * 2
    assert run.outputs() == {"b.csv.out": score_all(b"1\n")}
