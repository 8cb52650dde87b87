"""Endpoints: what is created, what is changed, what a failure says, and what they answer."""

from dataclasses import replace
from typing import Any

import pytest

from fasttrees.pipeline import PipelineError
from fasttrees.pipeline.aws.hosting import Endpoints
from fasttrees.pipeline.aws.models import Models, endpoint_of
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.backend import Hosting
from tests.support.aws.scripted import (
    ACCOUNT,
    DENIED,
    KEY,
    MISSING_ENDPOINT,
    REGION,
    ROLE,
    THROTTLED,
    Error,
    ScriptedAws,
    configuration,
    log,
)

NAME = "flights-first"
HOSTING = Hosting(
    name=NAME,
    image="serve:1",
    artifact_key="model/output/flights-first-1/output/model.tar.gz",
    model_key="flights/first/model.txt",
    environment={"PREDICTION_THRESHOLD": "0.5"},
)
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{NAME}"
MISSING_MODEL = Error("ValidationException", 'Could not find model "arn:aws:sagemaker:::model/x".')
MISSING_CONFIG = Error("ValidationException", 'Could not find endpoint configuration "arn".')
CREATED: dict[str, list[Any]] = {
    "DescribeModel": [MISSING_MODEL],
    "CreateModel": [{"ModelArn": "arn:aws:sagemaker:x"}],
    "DescribeEndpointConfig": [MISSING_CONFIG],
    "CreateEndpointConfig": [{"EndpointConfigArn": "arn:aws:sagemaker:x"}],
    "CreateEndpoint": [{"EndpointArn": ARN}],
    "UpdateEndpoint": [{"EndpointArn": ARN}],
}


def endpoints(scripted: ScriptedAws) -> Endpoints:
    return Endpoints(
        scripted.config, scripted.account, scripted.poller, Models(scripted.config, scripted.account, scripted.poller)
    )


def deploy(scripted: ScriptedAws, hosting: Hosting = HOSTING) -> str:
    return endpoints(scripted).deploy(hosting, scripted.progress)


def names(hosting: Hosting = HOSTING, **sections: dict[str, Any]) -> tuple[str, str]:
    """The model and the endpoint configuration that a hosting gets."""
    scripted = ScriptedAws(configuration(**sections))
    scripted.script |= {**CREATED, "DescribeEndpoint": [MISSING_ENDPOINT, described("InService", "")]}
    with pytest.raises(PipelineError):
        deploy(scripted, hosting)
    return scripted.requests("CreateModel")[0]["ModelName"], scripted.requests("CreateEndpointConfig")[0][
        "EndpointConfigName"
    ]


def described(status: str, config: str, **more: Any) -> dict[str, Any]:
    return {"EndpointName": NAME, "EndpointArn": ARN, "EndpointConfigName": config, "EndpointStatus": status, **more}


def test_requests(scripted: ScriptedAws) -> None:
    model, config = names()
    creating, in_service = described("Creating", config), described("InService", config)
    scripted.script |= {**CREATED, "DescribeEndpoint": [MISSING_ENDPOINT, creating, creating, in_service]}
    assert deploy(scripted) == ARN
    tags = scripted.requests("CreateEndpoint")[0]["Tags"]
    assert {"Key": "fasttrees:project", "Value": "flights"} in tags
    assert scripted.requests("CreateModel") == [
        {
            "ModelName": model,
            "PrimaryContainer": {
                "Image": "serve:1",
                "Environment": {
                    "PREDICTION_THRESHOLD": "0.5",
                    "MODEL_S3_BUCKET": "some-bucket",
                    "MODEL_S3_KEY": "flights/first/model.txt",
                    "MODEL_S3_BUCKET_OWNER": ACCOUNT,
                },
            },
            "ExecutionRoleArn": ROLE,
            "Tags": tags,
        }
    ]
    assert scripted.requests("CreateEndpointConfig") == [
        {
            "EndpointConfigName": config,
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model,
                    "InstanceType": "ml.c5.large",
                    "InitialInstanceCount": 1,
                }
            ],
            "Tags": tags,
        }
    ]
    assert scripted.requests("CreateEndpoint") == [{"EndpointName": NAME, "EndpointConfigName": config, "Tags": tags}]
    assert endpoint_of(model) == endpoint_of(config) == NAME
    assert "it costs money until it is deleted" in scripted.progress.text
    assert [advance[:2] for advance in scripted.progress.advances] == [
        (f"endpoint {NAME}: Creating", 0),
        (f"endpoint {NAME}: Creating", 10),
    ]


def test_image_that_takes_the_artefact() -> None:
    kms = configuration(aws={"kms_key": KEY, "subnets": ["subnet-1"], "security_groups": ["sg-1"]})
    scripted = ScriptedAws(kms)
    scripted.script |= CREATED
    Models(scripted.config, scripted.account, scripted.poller).create_endpoint_config(HOSTING, "model", "deploy")
    Models(scripted.config, scripted.account, scripted.poller).create_model(replace(HOSTING, model_key=""), "deploy")
    (request,) = scripted.requests("CreateModel")
    assert request["PrimaryContainer"] == {
        "Image": "serve:1",
        "ModelDataUrl": "s3://some-bucket/model/output/flights-first-1/output/model.tar.gz",
        "Environment": {"PREDICTION_THRESHOLD": "0.5"},
    }
    assert request["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert scripted.requests("CreateEndpointConfig")[0]["KmsKeyId"] == KEY


def test_another_content_is_another_name() -> None:
    """A new training, too, although its model.txt has the key of the one before."""
    model, config = names()
    assert names() == (model, config)
    trained = names(replace(HOSTING, artifact_key="model/output/flights-first-2/output/model.tar.gz"))
    bigger = names(deploy={"instance_count": 2})
    assert len({model, trained[0]}) == 2
    assert len({config, trained[1], bigger[1]}) == 3
    assert bigger[0] == model
    variables = {"B": "1", "A": "2"}
    reordered = dict(reversed(variables.items()))
    assert names(replace(HOSTING, environment=variables)) == names(replace(HOSTING, environment=reordered))


def test_endpoint_in_service_is_left_as_it_is(scripted: ScriptedAws) -> None:
    _, config = names()
    scripted.script |= {
        "DescribeModel": [{}],
        "DescribeEndpointConfig": [{}],
        "DescribeEndpoint": [described("InService", config)],
    }
    assert deploy(scripted) == ARN
    assert not [name for name in scripted.operations if name.startswith(("Create", "Update"))]
    assert scripted.seconds == 0


def test_update(scripted: ScriptedAws) -> None:
    _, config = names()
    scripted.script |= CREATED | {
        "DescribeEndpoint": [
            described("InService", "old"),
            described("Updating", "old"),
            described("InService", config),
        ]
    }
    assert deploy(scripted) == ARN
    assert scripted.requests("UpdateEndpoint") == [{"EndpointName": NAME, "EndpointConfigName": config}]


def test_update_that_is_rolled_back(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {
        "DescribeEndpoint": [
            described("InService", "old"),
            described("Updating", "old"),
            described("InService", "old", FailureReason="No capacity."),
        ]
    }
    with pytest.raises(PipelineError, match=r"was not updated, so what it served before still answers.*No capacity"):
        deploy(scripted)


def test_foreign_endpoint_is_not_updated(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeEndpoint": [described("InService", "old")], "ListTags": [{"Tags": []}]}
    with pytest.raises(PipelineError, match=r"does not carry this pipeline's tags, so it is left as it is"):
        deploy(scripted)
    assert "UpdateEndpoint" not in scripted.operations


def test_waits_for_one_that_is_being_created(scripted: ScriptedAws) -> None:
    _, config = names()
    scripted.script |= CREATED | {"DescribeEndpoint": [described("Creating", config), described("InService", config)]}
    assert deploy(scripted) == ARN
    assert "CreateEndpoint" not in scripted.operations


def test_creates_again_what_is_being_deleted(scripted: ScriptedAws) -> None:
    _, config = names()
    scripted.script |= CREATED | {
        "DescribeEndpoint": [
            described("Deleting", config),
            described("Deleting", config),
            MISSING_ENDPOINT,
            described("InService", config),
        ]
    }
    assert deploy(scripted) == ARN
    assert len(scripted.requests("CreateEndpoint")) == 1


@pytest.mark.parametrize("found", [False, True])
def test_failed_endpoint(scripted: ScriptedAws, found: bool) -> None:
    failed = described("Failed", "any", FailureReason="The container did not pass the ping\nhealth check.")
    scripted.script |= CREATED | {
        "DescribeEndpoint": [failed] if found else [MISSING_ENDPOINT, described("Creating", "any"), failed],
    }
    scripted.script |= log("AllTraffic/i-1", ["no such model"])
    with pytest.raises(PipelineError) as caught:
        deploy(scripted)
    assert str(caught.value) == (
        "endpoint flights-first is Failed: The container did not pass the ping health check.; it may cost "
        "money until `fasttrees pipeline cleanup` deletes it; once the cause is removed, deploy again; see "
        "https://sa-east-1.console.aws.amazon.com/sagemaker/home?region=sa-east-1#/endpoints/flights-first"
        "\n    no such model"
    )


def test_stuck_endpoint(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeEndpoint": [MISSING_ENDPOINT, described("Creating", "any")]}
    with pytest.raises(PipelineError) as caught:
        deploy(scripted)
    assert str(caught.value) == (
        "endpoint flights-first is still Creating after 15 minutes (deploy.timeout_minutes); it exists with its model "
        "and configuration, and costs money: `fasttrees pipeline deploy` waits for it again, `fasttrees pipeline "
        "cleanup` deletes it, once SageMaker lets it; see "
        "https://sa-east-1.console.aws.amazon.com/sagemaker/home?region=sa-east-1#/endpoints/flights-first"
    )
    assert scripted.seconds == 900


def test_interrupted_waiting(scripted: ScriptedAws) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    scripted.poller = Poller(sleep=interrupt)
    scripted.script |= CREATED | {"DescribeEndpoint": [MISSING_ENDPOINT, described("Creating", "any")]}
    with pytest.raises(KeyboardInterrupt):
        deploy(scripted)
    assert "`aws sagemaker delete-endpoint --endpoint-name flights-first` ends it" in scripted.progress.text


@pytest.mark.parametrize("operation", ["DescribeEndpoint", *CREATED])
def test_access_denied(scripted: ScriptedAws, operation: str) -> None:
    missing = operation != "UpdateEndpoint"
    found = [MISSING_ENDPOINT] if missing else [described("InService", "old")]
    scripted.script |= CREATED | {"DescribeEndpoint": found} | {operation: [DENIED]}
    with pytest.raises(
        PipelineError, match=rf"sagemaker:{operation} is missing: docs/reference/aws/policies/deploy.json"
    ):
        deploy(scripted)
    assert scripted.seconds == 0


def test_throttling_for_ever(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"CreateEndpoint": [THROTTLED], "DescribeEndpoint": [MISSING_ENDPOINT]}
    with pytest.raises(PipelineError, match=r"8 attempts.*CreateEndpoint was answered ThrottlingException"):
        deploy(scripted)


def test_quota(scripted: ScriptedAws) -> None:
    refused = Error("ResourceLimitExceeded", "The account-level service limit is 0 Instances")
    scripted.script |= CREATED | {"CreateEndpoint": [refused], "DescribeEndpoint": [MISSING_ENDPOINT]}
    with pytest.raises(PipelineError, match=r"quota is exhausted; choose another instance type.*limit is 0 Instances"):
        deploy(scripted)


@pytest.mark.parametrize("operation", ["CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"])
def test_what_was_just_created_is_not_found_at_once(scripted: ScriptedAws, operation: str) -> None:
    _, config = names()
    found = described("InService", "old") if operation == "UpdateEndpoint" else MISSING_ENDPOINT
    scripted.script |= CREATED | {"DescribeEndpoint": [found, described("InService", config)]}
    scripted.script[operation] = [MISSING_MODEL, MISSING_MODEL, *CREATED[operation]]
    assert deploy(scripted) == ARN
    assert scripted.seconds == 20
    scripted.script[operation] = [MISSING_MODEL]
    scripted.script["DescribeEndpoint"] = [found]
    with pytest.raises(PipelineError, match=rf"{operation} was answered ValidationException: Could not find"):
        deploy(scripted)


def test_endpoint_that_is_not_found_at_once(scripted: ScriptedAws) -> None:
    _, config = names()
    found = [*3 * [MISSING_ENDPOINT], described("Creating", config), described("InService", config)]
    scripted.script |= CREATED | {"DescribeEndpoint": found}
    assert deploy(scripted) == ARN


def test_endpoint_that_is_deleted_while_it_is_waited_for(scripted: ScriptedAws) -> None:
    found = [MISSING_ENDPOINT, *8 * [described("Creating", "any")], MISSING_ENDPOINT]
    scripted.script |= CREATED | {"DescribeEndpoint": found}
    with pytest.raises(
        PipelineError, match=r"is gone: deleted meanwhile\? `fasttrees pipeline deploy` creates another"
    ):
        deploy(scripted)


def test_denied_tags(scripted: ScriptedAws) -> None:
    scripted.script |= CREATED | {"DescribeEndpoint": [described("InService", "old")], "ListTags": [DENIED]}
    with pytest.raises(PipelineError, match=r"sagemaker:ListTags is missing: docs/reference/aws/policies/deploy\.json"):
        deploy(scripted)


def test_in_service(scripted: ScriptedAws) -> None:
    found = [MISSING_ENDPOINT, described("Creating", ""), described("Updating", ""), described("InService", "")]
    scripted.script |= {"DescribeEndpoint": list(found)}
    assert [endpoints(scripted).in_service(NAME) for _ in found] == [False, False, False, True]


def test_invoke(scripted: ScriptedAws) -> None:
    scripted.script |= {"InvokeEndpoint": [b"0.25\n"]}
    assert endpoints(scripted).invoke(NAME, b"1,2\n", "text/csv") == b"0.25\n"
    (request,) = scripted.requests("InvokeEndpoint")
    assert request["url"].endswith(f"/endpoints/{NAME}/invocations")
    assert request["body"] == b"1,2\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            Error(
                "ModelError",
                "Received client error (400) from AllTraffic",
                424,
                OriginalStatusCode=400,
                OriginalMessage="line 1: expected 31 columns, got 2\n",
                LogStreamArn="arn:aws:logs:x",
            ),
            "endpoint flights-first: its container answered 400: line 1: expected 31 columns, got 2; its log: "
            "arn:aws:logs:x",
        ),
        (
            Error("ValidationError", "Endpoint flights-first of account 123456789012 not found."),
            "endpoint flights-first: there is none; `fasttrees pipeline deploy` creates it",
        ),
    ],
)
def test_refused_invocation(scripted: ScriptedAws, answer: Error, message: str) -> None:
    scripted.script |= {"InvokeEndpoint": [answer]}
    with pytest.raises(PipelineError) as caught:
        endpoints(scripted).invoke(NAME, b"1,2\n", "text/csv")
    assert str(caught.value) == message
    assert scripted.operations.count("InvokeEndpoint") == 1


def test_denied_invocation(scripted: ScriptedAws) -> None:
    scripted.script |= {"InvokeEndpoint": [DENIED]}
    with pytest.raises(
        PipelineError, match=r"sagemaker:InvokeEndpoint is missing: docs/reference/aws/policies/invoke.json"
    ):
        endpoints(scripted).invoke(NAME, b"1,2\n", "text/csv")
