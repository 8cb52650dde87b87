"""Cleaning up: what is found, what is kept, and what deleting waits for."""

from typing import Any

import pytest

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws.cleaning import Cleaning
from fasttrees.pipeline.results import Resource
from tests.support.aws.scripted import DENIED, MISSING_ENDPOINT, MISSING_JOB, THROTTLED, Error, ScriptedAws

NOTHING: dict[str, list[Any]] = {
    "ListEndpoints": [{"Endpoints": []}],
    "ListTransformJobs": [{"TransformJobSummaries": []}],
    "ListTrainingJobs": [{"TrainingJobSummaries": []}],
    "ListEndpointConfigs": [{"EndpointConfigs": []}],
    "ListModels": [{"Models": []}],
    "DescribeLogGroups": [{"logGroups": []}],
}
ENDPOINT = Resource(kind="endpoint", name="flights-first")
IN_PROGRESS = Error("ValidationException", 'Cannot update in-progress endpoint "arn".')


def row(key: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        f"{key}Name": name,
        f"{key}Arn": f"arn:aws:sagemaker:sa-east-1:123456789012:x/{name}",
        "CreationTime": 0,
        **more,
    }


def cleaning(scripted: ScriptedAws) -> Cleaning:
    return Cleaning(scripted.config, scripted.account, scripted.poller)


def kinds(resources: list[Resource]) -> list[tuple[str, str]]:
    return [(resource.kind, resource.name) for resource in resources]


def streams(params: dict[str, Any]) -> Any:
    return {"logStreams": [{"logStreamName": f"{params['logStreamNamePrefix']}algo-1-1"}]}


def test_order(scripted: ScriptedAws) -> None:
    """What costs money first, and what proves whose the logs are last."""
    scripted.script |= {
        "ListEndpoints": [{"Endpoints": [row("Endpoint", "flights-first", EndpointStatus="Failed")]}],
        "ListTransformJobs": [
            {"TransformJobSummaries": [row("TransformJob", "flights-first-t", TransformJobStatus="InProgress")]}
        ],
        "ListTrainingJobs": [
            {
                "TrainingJobSummaries": [row("TrainingJob", "flights-first-1", TrainingJobStatus="Completed")],
                "NextToken": "more",
            },
            {"TrainingJobSummaries": [row("TrainingJob", "flights-first-2", TrainingJobStatus="Stopping")]},
        ],
        "ListEndpointConfigs": [{"EndpointConfigs": [row("EndpointConfig", "flights-first-00000001")]}],
        "ListModels": [{"Models": [row("Model", "flights-first-00000002")]}],
        "DescribeLogStreams": [streams],
        "DescribeLogGroups": [
            {
                "logGroups": [
                    {"logGroupName": "/aws/sagemaker/Endpoints/flights-first"},
                    {"logGroupName": "/aws/sagemaker/Endpoints/flights-first-other"},
                ]
            }
        ],
    }
    found, kept = cleaning(scripted).find()
    assert kinds(found) == [
        ("endpoint", "flights-first"),
        ("transform-job", "flights-first-t"),
        ("training-job", "flights-first-2"),
        ("log-stream", "/aws/sagemaker/TransformJobs:flights-first-t/algo-1-1"),
        ("log-stream", "/aws/sagemaker/TrainingJobs:flights-first-1/algo-1-1"),
        ("log-stream", "/aws/sagemaker/TrainingJobs:flights-first-2/algo-1-1"),
        ("log-group", "/aws/sagemaker/Endpoints/flights-first"),
        ("endpoint-config", "flights-first-00000001"),
        ("model", "flights-first-00000002"),
    ]
    assert kinds(kept) == [("training-job", "flights-first-1")]
    assert kept[0].detail == "Completed; the record of a job stays with SageMaker, and costs nothing"
    assert {
        request["NameContains"] for name, request in scripted.calls if name.startswith("List") and "Na" in str(request)
    } == {"flights-first"}


def test_log_group_is_found_when_the_endpoint_has_gone(scripted: ScriptedAws) -> None:
    group = "/aws/sagemaker/Endpoints/flights-first"
    scripted.script |= NOTHING | {
        "ListEndpointConfigs": [{"EndpointConfigs": [row("EndpointConfig", "flights-first-00000001")]}],
        "DescribeLogGroups": [{"logGroups": [{"logGroupName": group}]}],
    }
    found, _ = cleaning(scripted).find()
    assert kinds(found) == [("log-group", group), ("endpoint-config", "flights-first-00000001")]


@pytest.mark.parametrize(
    "tags",
    [
        [],
        [{"Key": "fasttrees:created-by", "Value": "fasttrees"}, {"Key": "fasttrees:project", "Value": "flights"}],
        [
            {"Key": "fasttrees:created-by", "Value": "fasttrees"},
            {"Key": "fasttrees:project", "Value": "flights-first"},
            {"Key": "fasttrees:experiment", "Value": "one"},
        ],
    ],
)
def test_keeps_what_is_not_its_own(scripted: ScriptedAws, tags: list[dict[str, str]]) -> None:
    scripted.script |= NOTHING | {
        "ListEndpoints": [{"Endpoints": [row("Endpoint", "flights-first-one", EndpointStatus="InService")]}],
        "ListTrainingJobs": [
            {"TrainingJobSummaries": [row("TrainingJob", "flights-first-1", TrainingJobStatus="InProgress")]}
        ],
        "ListTags": [{"Tags": tags}],
    }
    found, kept = cleaning(scripted).find()
    assert not found
    assert kinds(kept) == [("endpoint", "flights-first-one"), ("training-job", "flights-first-1")]
    assert kept[0].detail == "does not have this pipeline's tags: it is another's, or was not created by fasttrees"


def test_names_that_only_look_alike_are_no_matter(scripted: ScriptedAws) -> None:
    rows = [row("Model", name) for name in ("my-flights-first", "flights-firstborn")]
    scripted.script |= NOTHING | {"ListModels": [{"Models": rows}]}
    assert cleaning(scripted).find() == ([], [])


def test_tags_come_in_pages(scripted: ScriptedAws) -> None:
    tags = scripted.script["ListTags"][0]["Tags"]
    scripted.script |= NOTHING | {
        "ListModels": [{"Models": [row("Model", "flights-first-00000002")]}],
        "ListTags": [{"Tags": tags[:2], "NextToken": "more"}, {"Tags": tags[2:]}],
    }
    assert kinds(cleaning(scripted).find()[0]) == [("model", "flights-first-00000002")]


def test_deleting_an_endpoint_waits_until_it_is_gone(scripted: ScriptedAws) -> None:
    scripted.script |= {
        "DescribeEndpoint": [
            {"EndpointStatus": "InService"},
            {"EndpointStatus": "Deleting"},
            {"EndpointStatus": "Deleting"},
            MISSING_ENDPOINT,
        ],
        "DeleteEndpoint": [{}],
    }
    cleaning(scripted).delete(ENDPOINT, scripted.progress)
    assert scripted.operations.count("DeleteEndpoint") == 1
    assert scripted.seconds == 30


def test_endpoint_that_is_being_created_is_deleted_as_soon_as_it_may_be(scripted: ScriptedAws) -> None:
    scripted.script |= {
        "DescribeEndpoint": [*2 * [{"EndpointStatus": "Creating"}], {"EndpointStatus": "Failed"}, MISSING_ENDPOINT],
        "DeleteEndpoint": [IN_PROGRESS, IN_PROGRESS, {}],
    }
    cleaning(scripted).delete(ENDPOINT, scripted.progress)
    assert scripted.operations.count("DeleteEndpoint") == 3


def test_endpoint_that_stays_stuck(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeEndpoint": [{"EndpointStatus": "Creating"}], "DeleteEndpoint": [IN_PROGRESS]}
    with pytest.raises(PipelineError, match=r"is still Creating after 15 minutes and costs money.*again then$"):
        cleaning(scripted).delete(ENDPOINT, scripted.progress)


def test_refusal_that_waiting_does_not_mend(scripted: ScriptedAws) -> None:
    refused = Error("ValidationException", "Something else.")
    scripted.script |= {"DescribeEndpoint": [{"EndpointStatus": "InService"}], "DeleteEndpoint": [refused]}
    with pytest.raises(PipelineError, match=r"DeleteEndpoint was answered ValidationException: Something else\."):
        cleaning(scripted).delete(ENDPOINT, scripted.progress)


@pytest.mark.parametrize("kind", ["training", "transform"])
def test_stopping_a_job_waits_until_it_has_stopped(scripted: ScriptedAws, kind: str) -> None:
    name = kind.capitalize()
    statuses = ["InProgress", "Stopping", "Stopping", "Stopped"]
    scripted.script |= {
        f"Describe{name}Job": [{f"{name}JobStatus": status} for status in statuses],
        f"Stop{name}Job": [{}],
    }
    cleaning(scripted).delete(Resource(kind=f"{kind}-job", name="flights-first-1"), scripted.progress)
    assert scripted.requests(f"Stop{name}Job") == [{f"{name}JobName": "flights-first-1"}]
    assert scripted.seconds == 30


def test_job_that_does_not_stop(scripted: ScriptedAws) -> None:
    scripted.script |= {"DescribeTrainingJob": [{"TrainingJobStatus": "Stopping"}]}
    with pytest.raises(PipelineError, match=r"training-job flights-first-1 is still Stopping after 15 minutes"):
        cleaning(scripted).delete(Resource(kind="training-job", name="flights-first-1"), scripted.progress)


GONE = {
    "endpoint": {"DescribeEndpoint": [MISSING_ENDPOINT]},
    "training-job": {"DescribeTrainingJob": [MISSING_JOB]},
    "transform-job": {"DescribeTransformJob": [Error("ValidationException", "Could not find requested job")]},
    "endpoint-config": {
        "DeleteEndpointConfig": [Error("ValidationException", "Could not find endpoint configuration")]
    },
    "model": {"DeleteModel": [Error("ValidationException", "Could not find model")]},
    "log-stream": {"DeleteLogStream": [Error("ResourceNotFoundException", "The specified log stream does not exist.")]},
    "log-group": {"DeleteLogGroup": [Error("ResourceNotFoundException", "The specified log group does not exist.")]},
}


def resource(kind: str) -> Resource:
    return Resource(kind=kind, name="group:stream" if kind == "log-stream" else "flights-first")


@pytest.mark.parametrize("kind", GONE)
def test_deleting_what_is_gone(scripted: ScriptedAws, kind: str) -> None:
    scripted.script |= GONE[kind]
    cleaning(scripted).delete(resource(kind), scripted.progress)
    assert scripted.operations == list(GONE[kind])


@pytest.mark.parametrize("kind", GONE)
def test_denied_deletion(scripted: ScriptedAws, kind: str) -> None:
    (operation,) = GONE[kind]
    service = "logs" if kind.startswith("log-") else "sagemaker"
    scripted.script[operation] = [DENIED]
    with pytest.raises(
        PipelineError, match=rf"{service}:{operation} is missing: docs/reference/aws/policies/cleanup\.json"
    ):
        cleaning(scripted).delete(resource(kind), scripted.progress)


@pytest.mark.parametrize(
    ("kind", "status", "operation"),
    [
        ("endpoint", {"DescribeEndpoint": [{"EndpointStatus": "Creating"}]}, "DeleteEndpoint"),
        ("training-job", {"DescribeTrainingJob": [{"TrainingJobStatus": "InProgress"}]}, "StopTrainingJob"),
        ("transform-job", {"DescribeTransformJob": [{"TransformJobStatus": "InProgress"}]}, "StopTransformJob"),
    ],
)
def test_denied_end(scripted: ScriptedAws, kind: str, status: dict[str, list[Any]], operation: str) -> None:
    scripted.script |= {**status, operation: [DENIED]}
    with pytest.raises(
        PipelineError, match=rf"sagemaker:{operation} is missing: docs/reference/aws/policies/cleanup\.json"
    ):
        cleaning(scripted).delete(Resource(kind=kind, name="flights-first"), scripted.progress)


@pytest.mark.parametrize("operation", [*NOTHING, "ListTags", "DescribeLogStreams"])
def test_denied_search(scripted: ScriptedAws, operation: str) -> None:
    jobs = [row("TrainingJob", "flights-first-1", TrainingJobStatus="Completed")]
    scripted.script |= NOTHING | {"ListTrainingJobs": [{"TrainingJobSummaries": jobs}]} | {operation: [DENIED]}
    with pytest.raises(PipelineError, match=rf":{operation} is missing: docs/reference/aws/policies/cleanup\.json"):
        cleaning(scripted).find()


def test_throttling(scripted: ScriptedAws) -> None:
    scripted.script |= NOTHING | {"ListModels": [THROTTLED, THROTTLED, {"Models": []}]}
    assert cleaning(scripted).find() == ([], [])
    scripted.script["ListModels"] = [THROTTLED]
    with pytest.raises(PipelineError, match=r"8 attempts.*ListModels was answered ThrottlingException"):
        cleaning(scripted).find()
