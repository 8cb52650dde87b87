"""Where the container takes its model from, and how it ends if there is none to serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.support.containers import WITHOUT_RIGHTS, Container, mount
from tests.support.https_s3 import credentials_service, https_s3
from tests.support.paths import FLIGHTS

KEY = "flights/2013/model.txt"
ROWS = (FLIGHTS / "rows.csv").read_bytes()
PREDICTIONS = (FLIGHTS / "predictions.csv").read_bytes()
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("https")


@pytest.fixture(scope="module")
def s3(folder: Path) -> Iterator[str]:
    """The URL of a server with the flights model in the bucket ``models``."""
    with https_s3(folder) as url:
        client = boto3.client(
            "s3",
            region_name="sa-east-1",
            endpoint_url=url,
            verify=str(folder / "certificate.pem"),
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "sa-east-1"})
        client.upload_file(str(FLIGHTS / "model.txt"), "models", KEY)
        yield url


def from_s3(s3: str, folder: Path, *options: str, key: str = KEY, **environment: str) -> Container:
    certificate = mount(folder / "certificate.pem", "/certificate.pem")
    variables = {
        "MODEL_S3_BUCKET": "models",
        "MODEL_S3_KEY": key,
        "AWS_REGION": "sa-east-1",
        "AWS_ENDPOINT_URL": s3,
        "AWS_CA_BUNDLE": "/certificate.pem",
        **environment,
    }
    return Container(*WITHOUT_RIGHTS, *certificate, *options, **variables)


def check(container: Container) -> None:
    with container:
        container.wait()
        assert container.invoke(ROWS) == (200, PREDICTIONS)
        assert len(container.pids()) == 1  # the process that fetched has ended


def test_s3_with_keys(s3: str, folder: Path) -> None:
    check(from_s3(s3, folder, **KEYS))


def test_s3_with_credentials_of_the_container(s3: str, folder: Path) -> None:
    with credentials_service() as url:
        check(from_s3(s3, folder, AWS_CONTAINER_CREDENTIALS_FULL_URI=url))


def test_s3_with_web_identity(s3: str, folder: Path) -> None:
    (folder / "token").write_text("token")
    role = "arn:aws:iam::123456789012:role/scoring"
    token = mount(folder / "token", "/token")
    check(from_s3(s3, folder, *token, AWS_ROLE_ARN=role, AWS_WEB_IDENTITY_TOKEN_FILE="/token"))


def test_s3_missing_key(s3: str, folder: Path) -> None:
    with from_s3(s3, folder, key="flights/2014/model.txt", **KEYS) as container:
        assert container.status() == 1
        assert "flights/2014/model.txt" in only_line(container)


def test_s3_certificate_that_nobody_vouches_for(s3: str, folder: Path) -> None:
    with from_s3(s3, folder, AWS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt", **KEYS) as container:
        assert container.status() == 1
        assert "certificate" in only_line(container).lower()


def test_s3_without_network(s3: str) -> None:
    variables = {"MODEL_S3_BUCKET": "models", "MODEL_S3_KEY": KEY, "AWS_REGION": "sa-east-1"}
    with Container(*WITHOUT_RIGHTS, network="none", **variables) as container:
        assert container.status() == 1
        assert "models" in only_line(container)


@pytest.mark.parametrize("content", [b"", b"tree\nversion=v4\n", (FLIGHTS / "model.txt").read_bytes()[:100_000]])
def test_damaged_models(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.txt").write_bytes(content)
    with Container(*mount(tmp_path, "/opt/ml/model"), network="none") as container:
        assert container.status() == 1
        assert "model.txt" in only_line(container)


def test_no_model(tmp_path: Path) -> None:
    with Container(network="none") as container:
        assert container.status() == 1
        assert "/opt/ml/model" in only_line(container)


def test_wrong_setting() -> None:
    with Container(network="none", PREDICTION_THRESHOLD="much") as container:
        assert container.status() == 1
        assert "PREDICTION_THRESHOLD" in only_line(container)


def only_line(container: Container) -> str:
    """Return the line that says why the container ended; above it, there may be lines of the log."""
    lines = container.log().splitlines()
    assert lines[-1].startswith("fasttrees: error: ")
    assert not [line for line in lines[:-1] if not line.startswith("{")]
    return lines[-1]
