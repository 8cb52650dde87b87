"""The environment variables that a server obeys."""

from __future__ import annotations

import dataclasses

import pytest

from fasttrees._runtime.threads import available_cpus
from fasttrees.serving.errors import SettingsError
from fasttrees.serving.settings import IGNORED, VARIABLES, Settings
from tests.support.paths import DOCS


def read(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def test_nothing_set() -> None:
    settings = read(PATH="/bin", MODEL_SHA256="", PREDICTION_THRESHOLD=" ")
    assert settings == Settings()
    assert settings.port == 8080
    assert settings.model_path == "/opt/ml/model"
    assert settings.max_content_length == 100 << 20
    assert settings.workers == available_cpus()


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().port = 1  # type: ignore[misc]


def test_everything_set() -> None:
    values = {
        "AWS_REGION": ("region", "sa-east-1", "sa-east-1"),
        "BAD_ROW_PLACEHOLDER": ("bad_row_placeholder", "ERROR", "ERROR"),
        "CSV_HEADER": ("csv_header", "True", True),
        "LIBSVM_INDEX_BASE": ("libsvm_index_base", "1", 1),
        "MAX_CONTENT_LENGTH": ("given_content_length", "1000", 1000),
        "MODEL_PATH": ("model_path", "/m.txt", "/m.txt"),
        "MODEL_S3_BUCKET": ("model_s3_bucket", "bucket", "bucket"),
        "MODEL_S3_BUCKET_OWNER": ("model_s3_bucket_owner", "123456789012", "123456789012"),
        "MODEL_S3_KEY": ("model_s3_key", "p/e/model.txt", "p/e/model.txt"),
        "MODEL_S3_VERSION_ID": ("model_s3_version_id", "v", "v"),
        "MODEL_SHA256": ("model_sha256", "sha256:" + "Ab" * 32, "ab" * 32),
        "PREDICTION_THRESHOLD": ("prediction_threshold", "0.25", 0.25),
        "SAGEMAKER_BATCH": ("batch", "true", True),
        "SAGEMAKER_BATCH_STRATEGY": ("batch_strategy", "SingleRecord", "SINGLE_RECORD"),
        "SAGEMAKER_BIND_TO_PORT": ("port", "8181", 8181),
        "SAGEMAKER_CONTAINER_LOG_LEVEL": ("log_level", "10", "debug"),
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": ("default_accept", "application/json", "application/json"),
        "SAGEMAKER_INFERENCE_OUTPUT": ("inference_output", "raw_score", "raw_score"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": ("given_concurrency", "3", 3),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": ("given_payload_mb", "7", 7),
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": ("timeout", "5", 5),
        "SAGEMAKER_MODEL_SERVER_WORKERS": ("given_workers", "2", 2),
        "SAGEMAKER_MULTI_MODEL": ("multi_model", "TRUE", True),
        "SAGEMAKER_STARTUP_TIMEOUT": ("startup_timeout", "9", 9),
    }
    settings = read(**{name: text for name, (_, text, _) in values.items()})
    assert dataclasses.asdict(settings) == {field: value for field, _, value in values.values()}
    assert {variable.name for variable, _ in VARIABLES} == {*values, "AWS_DEFAULT_REGION", "SAGEMAKER_REGION"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("BAD_ROW_PLACEHOLDER", "a,b", "text without commas"),
        ("CSV_HEADER", "yes", "true or false"),
        ("LIBSVM_INDEX_BASE", "2", "a whole number from 0 to 1"),
        ("MODEL_SHA256", "ab" * 31, "64 hexadecimal digits"),
        ("PREDICTION_THRESHOLD", "1.5", "a number from 0 to 1"),
        ("PREDICTION_THRESHOLD", "nan", "a number from 0 to 1"),
        ("PREDICTION_THRESHOLD", "half", "a number from 0 to 1"),
        ("SAGEMAKER_BATCH_STRATEGY", "ALL", "MULTI_RECORD or SINGLE_RECORD"),
        ("SAGEMAKER_BIND_TO_PORT", "0", "a whole number from 1 to 65535"),
        ("SAGEMAKER_BIND_TO_PORT", "8080x", "a whole number from 1 to 65535"),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "101", "a whole number from 0 to 100"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "-1", "a whole number from 1 to 3600"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "0", "a whole number from 1 to 1024"),
    ],
)
def test_refused_by_name(name: str, text: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: expected {expected}.*, got {text[:60]!r}$"):
        read(**{name: text})


def test_bucket_and_key_go_together() -> None:
    with pytest.raises(SettingsError, match=r"^MODEL_S3_KEY: .*MODEL_S3_BUCKET is set"):
        read(MODEL_S3_BUCKET="b")
    with pytest.raises(SettingsError, match=r"^MODEL_S3_BUCKET: .*MODEL_S3_KEY is set"):
        read(MODEL_S3_KEY="k")


def test_first_region_counts() -> None:
    assert read(SAGEMAKER_REGION="c", AWS_DEFAULT_REGION="b").region == "b"
    assert read(SAGEMAKER_REGION="c", AWS_DEFAULT_REGION="b", AWS_REGION="a").region == "a"


@pytest.mark.parametrize(
    ("environment", "limit"),
    [
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}, 6 << 20),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}, None),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6", "MAX_CONTENT_LENGTH": "10"}, 6 << 20),
        ({"MAX_CONTENT_LENGTH": "10"}, 10),
    ],
)
def test_body_limit(environment: dict[str, str], limit: int | None) -> None:
    assert read(**environment).max_content_length == limit


@pytest.mark.parametrize(
    ("environment", "concurrency", "payload"),
    [
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, 4, 6),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "32"}, 32, 3),  # the product may not pass 100
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "1000"}, 100, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2"}, 2, 6),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "50"}, 2, 50),
        (
            {"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "4", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "50"},
            4,
            50,
        ),  # both are the user's
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}, 4, 0),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4", "MAX_CONTENT_LENGTH": "2500000"}, 4, 2),
    ],
)
def test_execution_parameters(environment: dict[str, str], concurrency: int, payload: int) -> None:
    expected = {"MaxConcurrentTransforms": concurrency, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": payload}
    assert read(**environment).execution_parameters() == expected


def test_documentation_lists_every_variable() -> None:
    rows = [f"| `{variable.name}` | {default or 'none'} | {variable.meaning} |" for variable, default in VARIABLES]
    rows += [f"| `{name}` | | Not obeyed: {reason} |" for name, reason in IGNORED.items()]
    text = (DOCS / "how-to" / "serving.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith(("| `MODEL_", "| `SAGEMAKER_")) or line in rows]
    assert listed == rows


def test_ignored_variables_are_not_read() -> None:
    assert not {variable.name for variable, _ in VARIABLES} & set(IGNORED)
