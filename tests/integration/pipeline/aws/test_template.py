"""The CloudFormation template of docs/reference/aws: valid, in agreement with the policies, as safe as said."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml
from moto import mock_aws
from pydantic import BaseModel

from fasttrees.pipeline.config import AwsSettings, DeploySettings, TrainSettings
from tests.support.aws import policies

KEY = "arn:aws:kms:sa-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
OTHER = "arn:aws:ecr:sa-east-1:737474898029:repository/sagemaker-xgboost"


def template() -> dict[str, Any]:
    return dict(cfn_yaml.load(str(policies.TEMPLATE)))


def test_linter_has_nothing_to_say() -> None:
    assert [str(match) for match in lint_file(policies.TEMPLATE)] == []


def test_policies_are_those_of_the_files() -> None:
    text = policies.TEMPLATE.read_text()
    assert policies.with_policies(text) == text, "run `python -m tests.support.aws.policies`"
    assert policies.with_policies(text.replace("sagemaker:InvokeEndpoint", "sagemaker:*")) == text


def test_fits_into_a_call() -> None:
    """CreateStack takes 51,200 bytes as they are; larger templates must be put into a bucket first."""
    assert policies.TEMPLATE.stat().st_size <= 51_200


def test_every_parameter_is_described_and_grouped() -> None:
    parameters = template()["Parameters"]
    assert all(parameter["Description"] for parameter in parameters.values())
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


def test_outputs_name_keys_of_the_configuration() -> None:
    sections: dict[str, type[BaseModel]] = {"aws": AwsSettings, "train": TrainSettings, "deploy": DeploySettings}
    named = set()
    for output in template()["Outputs"].values():
        section, dot, key = output["Description"].partition(",")[0].partition(".")
        if dot:
            assert key in sections[section].model_fields, output["Description"]
            named.add(f"{section}.{key}")
    assert named == {"aws.bucket", "aws.role", "aws.kms_key", "train.image", "deploy.image"}


def test_data_outlives_the_stack_and_images_do_not() -> None:
    resources = template()["Resources"]
    for name in ("Bucket", "BucketPolicy"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
    for name in ("ServingRepository", "TrainingRepository"):
        assert resources[name]["DeletionPolicy"] == "Delete"
        assert resources[name]["Properties"]["EmptyOnDelete"] is True


def test_bucket_has_no_tag_that_lets_cleanup_delete_it() -> None:
    assert "Tags" not in template()["Resources"]["Bucket"]["Properties"]


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A stack with all options; moto knows no bucket policies and groups, writes documents as Python."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    values = {"Project": "flights", "KmsKey": KEY, "UseVpc": "yes", "OtherRepositories": OTHER, "Versioning": "Enabled"}
    with mock_aws():
        stacks = boto3.client("cloudformation")
        with pytest.warns(UserWarning, match="BucketPolicy but it's not supported"):
            stacks.create_stack(
                StackName="pipeline",
                TemplateBody=policies.TEMPLATE.read_text(),
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
                Capabilities=["CAPABILITY_IAM"],
            )
        (stack,) = stacks.describe_stacks(StackName="pipeline")["Stacks"]
        yield {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_stack_makes_the_policies(outputs: dict[str, str]) -> None:
    """What people get is what the files say, each placeholder filled in."""
    values = {
        "Account": "123456789012",
        "Bucket": outputs["BucketName"],
        "KmsKey": KEY,
        "Project": "flights",
        "Region": "sa-east-1",
        "Role": outputs["RoleArn"].rpartition("/")[2],
    }
    iam = boto3.client("iam")
    for step in policies.STEPS:
        arn = outputs[f"{step.title()}PolicyArn"]
        made = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        expected = policies.read(step, **values)
        statements = [item for item in expected["Statement"] if item["Sid"] not in policies.OF_THE_STACK]
        assert made["Statement"] == statements
        assert "${" not in json.dumps(made)


def test_stack_makes_an_encrypted_bucket(outputs: dict[str, str]) -> None:
    s3, bucket = boto3.client("s3"), outputs["BucketName"]
    assert bucket == "flights-123456789012-sa-east-1"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}


def test_bucket_is_closed() -> None:
    """What moto's stacks do not take on."""
    bucket = template()["Resources"]["Bucket"]["Properties"]
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (by_key, by_s3) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["Fn::If"][1:]
    assert by_key["BucketKeyEnabled"] is True
    assert by_s3 == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    (statement,) = template()["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_repositories_scan_and_keep_tags(outputs: dict[str, str]) -> None:
    repositories = boto3.client("ecr").describe_repositories()["repositories"]
    assert {repository["repositoryUri"] for repository in repositories} == {
        outputs["ServingImage"],
        outputs["TrainingImage"],
    }
    for name in ("ServingRepository", "TrainingRepository"):
        properties = template()["Resources"][name]["Properties"]
        assert properties["ImageTagMutability"] == "IMMUTABLE"
        assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
        json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"].replace("${KeptImages}", "10"))


def test_role_is_for_sagemaker_of_this_account_alone(outputs: dict[str, str]) -> None:
    iam, name = boto3.client("iam"), outputs["RoleArn"].rpartition("/")[2]
    (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    rights = ast.literal_eval(iam.get_role_policy(RoleName=name, PolicyName="pipeline")["PolicyDocument"])["Statement"]
    everywhere = {
        action for right in rights if right["Resource"] == "*" for action in policies.as_list(right["Action"])
    }
    assert {action for action in everywhere if not action.startswith("ec2:")} == {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
    }
    (writing,) = (right for right in rights if "s3:PutObject" in right["Action"])
    bucket = f"arn:aws:s3:::{outputs['BucketName']}"
    assert writing["Resource"] == [f"{bucket}/model/output/*", f"{bucket}/transform/output/*"]
