"""Limits come from the job, else from the server, else from the service's defaults; summaries count right."""

from __future__ import annotations

import pytest

from fasttrees._sagemaker.batch_transform import Job, Limits, TransformError
from fasttrees._sagemaker.batch_transform.summary import Requests

ANSWER = '{"MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}'


def test_precedence() -> None:
    assert Limits.resolve(Job(), None) == Limits(6 << 20, 1)
    assert Limits.resolve(Job(), ANSWER) == Limits(2 << 20, 4, single_record=True)
    job = Job(max_concurrent=3, max_payload_mb=0, batch_strategy="MultiRecord")
    assert Limits.resolve(job, ANSWER) == Limits(0, 3)
    assert Limits.resolve(job, None) == Limits(0, 3)
    assert Limits.resolve(Job(batch_strategy="SingleRecord"), "{}") == Limits(6 << 20, 1, single_record=True)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("oops", "expected a JSON object, got 'oops'"),
        ("[1]", "expected a JSON object"),
        ('{"MaxConcurrentTransforms": 0}', "MaxConcurrentTransforms: expected a whole number from 1 to 1024, got 0"),
        ('{"MaxConcurrentTransforms": "4"}', "got '4'"),
        ('{"MaxConcurrentTransforms": true}', "got True"),
        ('{"MaxPayloadInMB": 101}', "MaxPayloadInMB: expected a whole number from 0 to 100, got 101"),
        ('{"MaxPayloadInMB": 1.0}', "got 1.0"),
        ('{"BatchStrategy": "MultiRecord"}', "expected MULTI_RECORD or SINGLE_RECORD, got 'MultiRecord'"),
        ('{"BatchStrategy": []}', "expected MULTI_RECORD or SINGLE_RECORD, got "),
    ],
)
def test_bad_answers(answer: str, message: str) -> None:
    with pytest.raises(TransformError, match=f"^/execution-parameters: .*{message}"):
        Limits.resolve(Job(), answer)


def test_environment_is_what_the_service_sets() -> None:
    assert Job().environment() == {"SAGEMAKER_BATCH": "true"}
    assert Job(max_concurrent=2, max_payload_mb=0, batch_strategy="SingleRecord").environment() == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "0",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
    }


def test_refused_jobs() -> None:
    Job(max_concurrent=10, max_payload_mb=10)
    with pytest.raises(TransformError, match="MaxPayloadInMB up to 100, got 110"):
        Job(max_concurrent=11, max_payload_mb=10)
    Job(join_input=True, assemble_lines=True)
    for job in ({"assemble_lines": False}, {"split_lines": False}, {"content_type": "application/json"}):
        with pytest.raises(TransformError, match="a join needs text/csv"):
            Job(**{"join_input": True, "assemble_lines": True} | job)


def test_quantiles() -> None:
    requests = Requests()
    assert requests.quantile(0.5) == 0
    for n in range(1, 201):
        requests.count(n / 1000)
    assert requests.n_requests == 200
    assert requests.quantile(0.5) == pytest.approx(0.1, rel=0.01)
    assert requests.quantile(0.99) == pytest.approx(0.198, rel=0.01)
    assert requests.quantile(1) == pytest.approx(0.2, rel=0.01)
    requests.count(0)
    assert requests.quantile(0) >= 0
