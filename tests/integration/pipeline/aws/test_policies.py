"""The policies of docs/reference/aws/policies: each step has the rights for all that its code calls, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

import fasttrees._aws
import fasttrees.pipeline.aws
import fasttrees.pipeline.steps
from fasttrees._aws.actions import action_of
from fasttrees.pipeline.backend import Backend
from tests.support.aws import policies
from tests.support.aws.calls import Source
from tests.support.aws.methods import METHODS

# What AWS checks besides the operation's own action. For tags, roles and keys: SageMaker's guide, "API Permissions:
# Actions, Permissions, and Resources Reference"; for objects: S3's, "Using server-side encryption with AWS KMS keys".
BESIDES = {
    "CreateEndpoint": {"sagemaker:AddTags", "kms:CreateGrant"},
    "CreateEndpointConfig": {"sagemaker:AddTags"},
    "CreateModel": {"sagemaker:AddTags", "iam:PassRole"},
    "CreateTrainingJob": {"sagemaker:AddTags", "iam:PassRole", "kms:CreateGrant"},
    "CreateTransformJob": {"sagemaker:AddTags", "kms:CreateGrant"},
    "GetObject": {"s3:GetObjectVersion", "kms:Decrypt"},  # in a bucket with versions, the one that HeadObject named
    "PutObject": {"kms:GenerateDataKey"},
    "UpdateEndpoint": {"kms:CreateGrant"},
    "UploadPart": {"kms:Decrypt", "kms:GenerateDataKey"},
}

# Rights whose scope cannot be narrowed by a name: IAM's reference of services names no resource for these actions.
EVERYWHERE = {
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModels",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "sts:GetCallerIdentity",
}
VALUES = {
    "Account": "123456789012",
    "Bucket": "flights-data",
    "KmsKey": "arn:aws:kms:sa-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "Project": "flights",
    "Region": "sa-east-1",
    "Role": "pipeline",
}


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(fasttrees.pipeline.aws, fasttrees._aws)


def needed(operations: set[str]) -> set[str]:
    """All actions that operations need."""
    own = {action for operation in operations for action in action_of(operation).split(" and ")}
    return own.union(*(BESIDES.get(operation, set()) for operation in operations))


def test_all_steps_have_a_policy() -> None:
    assert sorted(METHODS) == sorted(policies.STEPS)
    assert sorted(path.stem for path in (policies.AWS / "policies").iterdir()) == sorted(policies.STEPS)


@pytest.mark.parametrize("step", policies.STEPS)
def test_steps_call_these_methods(step: str) -> None:
    called = Source(fasttrees.pipeline.steps).methods_of(step, "backend")
    assert called & set(vars(Backend)) - {"region"} == METHODS[step]  # the region is known without a call


@pytest.mark.parametrize("step", policies.STEPS)
def test_policy_names_what_the_code_calls_and_nothing_else(step: str, source: Source) -> None:
    operations = set().union(*(source.operations_of("AwsBackend", method) for method in METHODS[step]))
    granted, expected = policies.actions(step), needed(operations)
    assert granted - expected == set(), "granted, but nothing calls it"
    assert expected - granted == set(), "called, but not granted"


def test_every_method_that_calls_aws_belongs_to_a_step(source: Source) -> None:
    methods = {place.name for place in source.definitions if place.owner == "AwsBackend" and place.name[0] != "_"}
    assert {name for name in methods if source.operations_of("AwsBackend", name)} == set().union(*METHODS.values())


def test_no_call_of_the_source_is_missed(source: Source) -> None:
    """All that any code names is found from some step; else a call could hide where the steps' search does not go."""
    everywhere = {call for place, node in source.definitions.items() for call in source.direct(place.module, node)}
    reached = set().union(*(source.operations_of("AwsBackend", name) for names in METHODS.values() for name in names))
    assert everywhere == reached


def test_errors_name_policies_that_grant_what_was_refused(source: Source) -> None:
    explained = list(source.explained())
    assert len(explained) > 20
    for operation, step, place in explained:
        assert needed({operation}) <= policies.actions(step), f"{place}: {operation} is not in {step}.json"


@pytest.mark.parametrize("step", policies.STEPS)
def test_statements_are_scoped(step: str) -> None:
    """Nothing is granted beyond the project's names, bucket, role and key; creating and deleting need tags."""
    for statement in policies.statements(step):
        named = set(policies.as_list(statement["Action"]))
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in named)
        for resource in policies.as_list(statement["Resource"]):
            if resource == "*":
                assert named <= EVERYWHERE
            elif named != {"logs:DescribeLogGroups"} and "logs:DescribeLogStreams" not in named:
                assert any(f"${{{name}}}" in resource for name in ("Project", "Bucket", "Role", "KmsKey")), resource
        condition = json.dumps(statement.get("Condition", {}))
        for action in named:
            service, name = action.split(":")
            if service == "sagemaker" and name.startswith("Create"):
                assert '"aws:RequestTag/fasttrees:project": "${Project}"' in condition, action
            if service == "sagemaker" and name.startswith(("Delete", "Stop", "Update")):
                assert '"aws:ResourceTag/fasttrees:project": "${Project}"' in condition, action
            if name == "AddTags":
                assert "sagemaker:TaggingAction" in condition
            if name == "PassRole":
                assert '"iam:PassedToService": "sagemaker.amazonaws.com"' in condition
            if name == "PutObject":
                assert "s3:x-amz-server-side-encryption" in condition
            if service == "kms":
                assert "kms:ViaService" in condition
                assert statement["Resource"] == "${KmsKey}"


@pytest.mark.parametrize("step", policies.STEPS)
def test_placeholders_are_those_that_the_documentation_names(step: str) -> None:
    assert "${" not in json.dumps(policies.read(step, **VALUES))
    for name in VALUES:
        assert f"`${{{name}}}`" in (policies.AWS / "README.md").read_text()


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("step", policies.STEPS)
def test_iam_takes_the_policy(step: str) -> None:
    """IAM's grammar is checked by moto; IAM takes 6,144 characters of a managed policy, spaces not counted."""
    document = json.dumps(policies.read(step, **VALUES))
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_policy(PolicyName=step, PolicyDocument=document)
    assert len("".join(document.split())) <= 6144
    broken = document.replace('"Allow"', '"Permit"')
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName=f"{step}-broken", PolicyDocument=broken)
