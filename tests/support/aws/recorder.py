"""Hears every call that the backend makes, on its way to the wire, and lets some of them fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

__all__ = ["Call", "Faults", "Recorder", "answer"]

USER_AGENT = "fasttrees-"  # the programs of the package add their names to it
WRITES = ("PutObject", "CreateMultipartUpload", "CopyObject")


class Call(NamedTuple):
    """A call of an API: its service as boto3 names it, its operation, and the headers of its request."""

    service: str
    operation: str
    headers: Mapping[str, str]


class Recorder:
    """Collects calls of all clients of the backend; those that a test makes for itself are left out.

    Attributes
    ----------
    calls : list of Call
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []

    @property
    def operations(self) -> set[tuple[str, str]]:
        """Services and operations so far, such as ``("s3", "PutObject")``."""
        return {(call.service, call.operation) for call in self.calls}

    def reset(self) -> None:
        self.calls.clear()

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.calls)

    def record(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        """Hear ``before-call.SERVICE.OPERATION``."""
        headers = {name.lower(): str(value) for name, value in params["headers"].items()}
        if USER_AGENT in headers["user-agent"]:
            self.calls.append(Call(model.service_model.service_name, model.name, headers))

    def check(self) -> None:
        """Nothing is written unencrypted, no bucket of somebody else is touched."""
        for call in self.calls:
            if call.service == "s3" and call.operation in WRITES:
                assert "x-amz-server-side-encryption" in call.headers, call
            if call.service == "s3" and call.operation != "CreateBucket":
                assert "x-amz-expected-bucket-owner" in call.headers, call


class Faults:
    """Answers in the place of the service; `rules` are asked in order, each with operation and request."""

    def __init__(self) -> None:
        self.rules: list[Callable[[str, Any], Any]] = []

    def fail(self, operation: str, status: int, code: str, times: int = 1 << 30, message: str = "as wanted") -> None:
        """Answer an operation with an error, so many times."""
        left = [times]

        def rule(called: str, request: Any) -> Any:
            if called != operation or not left[0]:
                return None
            left[0] -= 1
            if "x-amz-json" in str(request.headers.get("Content-Type", "")):
                return answer(request, status, f'{{"__type": "{code}", "message": "{message}"}}'.encode())
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            if "form-urlencoded" in str(request.headers.get("Content-Type", "")):
                text = f"<ErrorResponse>{text}</ErrorResponse>"
            return answer(request, status, b"" if request.method == "HEAD" else text.encode())

        self.rules.append(rule)

    def send(self, event_name: str, request: Any, **_: Any) -> Any:
        """Hear ``before-send.SERVICE.OPERATION``; an answer stands for the service's, an exception for the network."""
        if USER_AGENT in str(request.headers["User-Agent"]):
            for rule in self.rules:
                if (response := rule(event_name.split(".")[2], request)) is not None:
                    return response
        return None


def answer(request: Any, status: int, body: bytes, **headers: str) -> AWSResponse:
    """Make an answer as it comes from the wire."""
    raw = HTTPResponse(BytesIO(body), {"content-length": str(len(body)), **headers}, status, preload_content=False)
    return AWSResponse(request.url, status, raw.headers, raw)
