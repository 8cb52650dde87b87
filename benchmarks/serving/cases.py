"""The requests of the soak, good and bad ones, each with what its answer must say."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.serving.bodies import Body
from benchmarks.serving.client import Answer, get, post

N_FEATURES = 28
INVOCATIONS = "/invocations"
Check = Callable[[Answer], bool]


@dataclass(frozen=True)
class Case:
    """A request, as it goes over the wire.

    `parts` are sent one after the other, with a pause between them. `check` says whether an answer is right; every
    later answer must have the same bytes. `answers` come back; without any, the client hangs up.
    """

    name: str
    parts: Sequence[bytes]
    check: Check
    weight: int = 1
    answers: int = 1
    closes: bool = False  # the server may end the connection after its answer


def make_cases(body: Body) -> list[Case]:
    rows = [line.decode().strip().split(",") for line in body.first_rows(1000)]
    with body.predictions.open() as file:
        scores = [float(file.readline()) for _ in rows]
    return [*good_cases(rows, scores), *bad_cases(rows)]


# -- good -------------------------------------------------------------------------------------------------------------


def good_cases(rows: list[list[str]], scores: list[float]) -> list[Case]:
    ten, some, values = as_csv(rows[:10]), as_csv(rows), [[float(cell) for cell in row] for row in rows[:10]]
    quoted = "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows[:10]).encode()
    chunks = [ten[i : i + 100] for i in range(0, len(ten), 100)]
    one_row = [
        Case(f"CSV, row {i}", [post(as_csv(rows[i : i + 1]))], is_csv(scores[i : i + 1]), weight=2) for i in range(20)
    ]
    of_ten = {
        "CSV": post(ten),
        "CSV, answered by JSON": post(ten, accept="application/json"),
        "CSV, answered by JSON Lines": post(ten, accept="application/jsonlines"),
        "CSV with CRLF and quotes": post(quoted),
        "CSV in chunks": b"".join(
            [
                f"POST {INVOCATIONS} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n".encode(),
                b"Transfer-Encoding: chunked\r\n\r\n",
                *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks),
                b"0\r\n\r\n",
            ]
        ),
        "JSON": post(json.dumps(values).encode(), "application/json"),
        "JSON, instances": post(json.dumps({"instances": values}).encode(), "application/json"),
        "JSON Lines": post("".join(f"{json.dumps(row)}\n" for row in values).encode(), "application/jsonlines"),
        "LibSVM": post(as_libsvm(rows[:10]), "text/libsvm"),
        "NPY": post(as_npy(values), "application/x-npy"),
    }
    waiting = post(len(ten)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    in_json, in_lines = is_json(scores[:10]), is_json_lines(scores[:10])
    checks = {"CSV, answered by JSON": in_json, "CSV, answered by JSON Lines": in_lines}
    return [
        *one_row,
        *(Case(name, [request], checks.get(name, is_csv(scores[:10])), 3) for name, request in of_ten.items()),
        Case("CSV, 1,000 rows", [post(some)], is_csv(scores), 4),
        Case("CSV, slowly", cut(post(ten), 5), is_csv(scores[:10]), 2),
        Case("CSV, waits for 100", [waiting, ten], is_csv(scores[:10]), 2),
        Case("CSV, pipelined", [post(ten) * 3], is_csv(scores[:10]), 2, answers=3),
        Case("ping", [get("/ping")], lambda answer: answer.status == 200 and not answer.body, 3),
        Case("execution parameters", [get("/execution-parameters")], is_execution_parameters),
    ]


def as_csv(rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def as_libsvm(rows: list[list[str]]) -> bytes:
    return "".join(" ".join(["0", *(f"{i}:{cell}" for i, cell in enumerate(row))]) + "\n" for row in rows).encode()


def as_npy(values: list[list[float]]) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(values)}, {N_FEATURES}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    numbers = [value for row in values for value in row]
    return b"\x93NUMPY\x01\x00" + struct.pack(
        f"<H{len(header)}s{len(numbers)}d", len(header), header.encode(), *numbers
    )


def cut(data: bytes, n: int) -> list[bytes]:
    size = -(-len(data) // n)
    return [data[i : i + size] for i in range(0, len(data), size)]


def is_csv(scores: list[float]) -> Check:
    expected = "".join(f"{score!r}\n" for score in scores).encode()
    return lambda answer: answer.status == 200 and answer.body == expected


def is_json(scores: list[float]) -> Check:
    expected = {"predictions": [{"score": score} for score in scores]}
    return lambda answer: answer.status == 200 and json.loads(answer.body) == expected


def is_json_lines(scores: list[float]) -> Check:
    expected = [{"score": score} for score in scores]
    return lambda answer: answer.status == 200 and [json.loads(line) for line in answer.body.splitlines()] == expected


def is_execution_parameters(answer: Answer) -> bool:
    return answer.status == 200 and set(json.loads(answer.body)) >= {"MaxConcurrentTransforms", "BatchStrategy"}


# -- bad --------------------------------------------------------------------------------------------------------------


def bad_cases(rows: list[list[str]]) -> list[Case]:
    ten = as_csv(rows[:10])
    bad_cell = [row.copy() for row in rows[:10]]
    bad_cell[6][3] = "1.2.3"
    json_rows = [[float(cell) for cell in row] for row in rows[:3]]
    with_string = [*json_rows[0][:27], "a"]
    head = f"POST {INVOCATIONS} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
    two_lengths = head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n1,2"
    bodies = {
        "27 columns": (as_csv([row[:27] for row in rows[:10]]), "text/csv", ["row 1", "28", "27"]),
        "29 columns in row 5": (as_csv([*rows[:4], [*rows[4], "1"]]), "text/csv", ["row 5", "28", "29"]),
        "bad cell": (as_csv(bad_cell), "text/csv", ["row 7", "column 4", "1.2.3"]),
        "bad JSON": (json.dumps(json_rows).encode()[:-5], "application/json", []),
        "string in JSON": (json.dumps([with_string]).encode(), "application/json", ["row 1", "column 28"]),
        "bad NPY": (as_npy(json_rows)[:-8], "application/x-npy", []),
        "bad LibSVM": (b"0 1:2 99:3\n", "text/libsvm", ["row 1"]),
    }
    return [
        *(Case(name, [post(body, kind)], has_status(400, *words), 2) for name, (body, kind, words) in bodies.items()),
        Case("unknown type", [post(ten, "image/png")], has_status(415, "text/csv")),
        Case("unknown type wanted", [post(ten, accept="image/png")], has_status(406, "text/csv")),
        Case("wrong method", [get(INVOCATIONS)], has_status(405, "POST")),
        Case("unknown path", [get("/nothing")], has_status(404)),
        Case("body that is too large", [post(1 << 30)], has_status(413), closes=True),
        Case("huge headers", [(head + f"X-Junk: {'a' * 200_000}\r\n\r\n").encode()], has_status(431, 400), closes=True),
        Case("no HTTP", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], has_status(400), closes=True),
        Case("two lengths", [two_lengths.encode()], has_status(400), closes=True),
        Case("cut body", cut(post(ten), 2)[:1], lambda _: True, 2, answers=0, closes=True),
        Case("cut headers", [head.encode()], lambda _: True, answers=0, closes=True),
        Case("gone before the answer", [post(as_csv(rows))], lambda _: True, 2, answers=0, closes=True),
    ]


def has_status(*expected: int | str) -> Check:
    """Check for one of the statuses, and for all the words in the answer."""
    statuses = [part for part in expected if isinstance(part, int)]
    words = [part for part in expected if isinstance(part, str)]
    return lambda answer: answer.status in statuses and all(word in answer.body.decode() for word in words)
