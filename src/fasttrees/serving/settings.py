"""Environment variables that a server reads at its start; docs/how-to/serving.md lists them from :data:`VARIABLES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fasttrees._runtime.threads import available_cpus
from fasttrees._sagemaker import contract
from fasttrees.serving.errors import SettingsError

__all__ = ["IGNORED", "VARIABLES", "Settings", "Variable"]


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Attributes
    ----------
    name : str
    read : callable
        Turns its text into a value, or raises ValueError saying what was expected.
    meaning : str
        For the table in the documentation.
    """

    name: str
    read: Callable[[str], Any]
    meaning: str


def _text(text: str) -> str:
    return text


def _flag(text: str) -> bool:
    # The service writes true, its local mode True.
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return value


def _sha256(text: str) -> str:
    digest = text.lower().removeprefix("sha256:")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError("64 hexadecimal digits")
    return digest


def _strategy(text: str) -> str:
    # The service's variable has MULTI_RECORD, its API MultiRecord.
    strategy = {name.lower(): word for name, word in contract.STRATEGIES.items()}.get(text.replace("_", "").lower())
    if strategy is None:
        raise ValueError("MULTI_RECORD or SINGLE_RECORD")
    return strategy


def _log_level(text: str) -> str:
    # AWS's containers take Python's numbers as well.
    levels = {"10": "debug", "20": "info", "30": "warning", "40": "error", "50": "error", "critical": "error"}
    level = levels.get(text.lower(), text.lower())
    if level not in ("debug", "info", "warning", "error"):
        raise ValueError("debug, info, warning or error")
    return level


def _placeholder(text: str) -> str:
    if any(ord(character) < 32 or character in ',"' for character in text):
        raise ValueError("text without commas, quotes and control characters")
    return text


def _from(
    *names: str, read: Callable[[str], Any] = _text, meaning: str, default: Any = None, none_default: str = ""
) -> Any:
    """Describe a field: the variables it is read from, the first that is set winning."""
    variables = [Variable(name, read, meaning) for name in names]
    return field(default=default, metadata={"variables": variables, "default": none_default})


@dataclass(frozen=True)
class Settings:
    """What the environment asks of a server; each field's meaning stands in :data:`VARIABLES`."""

    model_s3_bucket: str | None = _from("MODEL_S3_BUCKET", meaning="Bucket to fetch the model from")
    model_s3_key: str | None = _from(
        "MODEL_S3_KEY",
        meaning="Its key: `{project}/{experiment}/model.txt`, a folder with one (ends with `/`), or a `.tar.gz`",
    )
    model_s3_version_id: str | None = _from(
        "MODEL_S3_VERSION_ID", meaning="Version of that object", none_default="the latest"
    )
    model_s3_bucket_owner: str | None = _from(
        "MODEL_S3_BUCKET_OWNER", meaning="Account that must own the bucket", none_default="not checked"
    )
    model_sha256: str | None = _from(
        "MODEL_SHA256", read=_sha256, meaning="SHA-256 that the model file must have", none_default="not checked"
    )
    model_path: str = _from(
        "MODEL_PATH",
        default=contract.MODEL_DIRECTORY,
        meaning="Model file, or directory that holds one, if no bucket is named",
    )
    region: str | None = _from(
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "SAGEMAKER_REGION",
        meaning="Region of the bucket; the first that is set counts",
        none_default="asked of S3",
    )
    prediction_threshold: float | None = _from(
        "PREDICTION_THRESHOLD",
        read=_probability,
        meaning="Answer 1 if the probability is above it, else 0 (`predicted_label`); binary models only",
        none_default="answer scores",
    )
    inference_output: str | None = _from(
        contract.INFERENCE_OUTPUT,
        meaning="What to answer, a list with commas: docs/reference/content-types.md",
        none_default="scores",
    )
    default_accept: str | None = _from(
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
        meaning="Media type of answers to requests without Accept, or with `*/*`",
        none_default="text/csv",
    )
    csv_header: bool = _from(
        "CSV_HEADER",
        read=_flag,
        default=False,
        meaning="Whether CSV bodies may begin with a header; it is answered by a header",
    )
    bad_row_placeholder: str | None = _from(
        "BAD_ROW_PLACEHOLDER",
        read=_placeholder,
        meaning="Text to answer in the place of a row that cannot be read, such as ERROR",
        none_default="the request fails",
    )
    libsvm_index_base: int = _from(
        "LIBSVM_INDEX_BASE",
        read=_number(0, 1),
        default=0,
        meaning="Index of the first feature in LibSVM bodies: 0 or 1",
    )
    port: int = _from(contract.BIND_TO_PORT, read=_number(1, 65535), default=contract.PORT, meaning="Port to listen on")
    multi_model: bool = _from(
        contract.MULTI_MODEL,
        read=_flag,
        default=False,
        meaning="Serve many models, loaded and unloaded by requests (multi-model endpoint)",
    )
    batch: bool = _from(contract.BATCH, read=_flag, default=False, meaning="Set by Batch Transform; logged only")
    batch_strategy: str = _from(
        contract.BATCH_STRATEGY,
        read=_strategy,
        default=contract.STRATEGIES[contract.DEFAULT_STRATEGY],
        meaning="Told again by `/execution-parameters`",
    )
    given_payload_mb: int | None = _from(
        contract.MAX_PAYLOAD_IN_MB,
        read=_number(0, contract.MAX_PAYLOAD_MB),
        meaning="Largest body, in units of 2^20 bytes; 0: no limit",
        none_default="`MAX_CONTENT_LENGTH`",
    )
    given_content_length: int = _from(
        "MAX_CONTENT_LENGTH",
        read=_number(1, 1 << 40),
        default=contract.MAX_PAYLOAD_MB * contract.MEGABYTE,
        meaning="Largest body in bytes, if `SAGEMAKER_MAX_PAYLOAD_IN_MB` is not set",
    )
    given_concurrency: int = _from(
        contract.MAX_CONCURRENT_TRANSFORMS,
        read=_number(0, 1 << 16),
        default=0,
        meaning="Told again by `/execution-parameters`; 0: as many as there are threads that score",
    )
    given_workers: int | None = _from(
        contract.MODEL_SERVER_WORKERS,
        read=_number(1, 1024),
        meaning="Number of threads that score; there is one process and one copy of the model",
        none_default="the CPUs that the cgroup grants",
    )
    timeout: int = _from(
        "SAGEMAKER_MODEL_SERVER_TIMEOUT",
        read=_number(1, 3600),
        default=60,
        meaning="Seconds that a client may stall while it sends a request or takes the answer; scoring has no limit",
    )
    startup_timeout: int = _from(
        "SAGEMAKER_STARTUP_TIMEOUT",
        read=_number(1, 3600),
        default=300,
        meaning="Seconds that fetching the model may take in all",
    )
    log_level: str = _from(
        "SAGEMAKER_CONTAINER_LOG_LEVEL",
        read=_log_level,
        default="info",
        meaning="debug, info, warning, error or 10 to 50; below info also pings are logged",
    )

    def __post_init__(self) -> None:
        if (self.model_s3_bucket is None) != (self.model_s3_key is None):
            given, missing = ("MODEL_S3_BUCKET", "MODEL_S3_KEY")[:: 1 if self.model_s3_bucket else -1]
            raise SettingsError(f"{missing}: expected a value, for {given} is set; got none")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Parameters
        ----------
        environment : mapping of str to str
            A variable with an empty text counts as not set.

        Raises
        ------
        SettingsError
            If a variable has a value that cannot be used; the message begins with its name.
        """
        values = {}
        for item in fields(cls):
            for variable in item.metadata["variables"]:
                if text := environment.get(variable.name, "").strip():
                    try:
                        values[item.name] = variable.read(text)
                    except ValueError as error:
                        raise SettingsError(f"{variable.name}: expected {error}, got {text[:60]!r}") from None
                    break
        return cls(**values)

    @property
    def workers(self) -> int:
        """Number of threads that score."""
        return self.given_workers or available_cpus()

    @property
    def max_content_length(self) -> int | None:
        """Bytes that a body may have; None: any number."""
        if self.given_payload_mb is None:
            return self.given_content_length
        return self.given_payload_mb * contract.MEGABYTE or None

    def execution_parameters(self) -> dict[str, int | str]:
        """Answer ``/execution-parameters``: all CPUs busy, all bodies on their way within what the service allows."""
        concurrency, payload = self.given_concurrency, self.given_payload_mb
        if not concurrency:
            concurrency = max(1, min(self.workers, contract.MAX_PAYLOAD_MB // (payload or 1)))
        if payload is None:
            most = max(1, self.given_content_length // contract.MEGABYTE)
            payload = max(1, min(contract.DEFAULT_PAYLOAD_MB, contract.MAX_PAYLOAD_MB // concurrency, most))
        return {
            "MaxConcurrentTransforms": concurrency,
            "BatchStrategy": self.batch_strategy,
            "MaxPayloadInMB": payload,
        }


#: All variables with their defaults as the documentation shows them.
VARIABLES: list[tuple[Variable, str]] = [
    (variable, item.metadata["default"] or ("" if item.default is None else str(item.default).lower()))
    for item in fields(Settings)
    for variable in item.metadata["variables"]
]

#: Variables of the service and of other containers that need no obeying, and why.
IGNORED = {
    "SAGEMAKER_SAFE_PORT_RANGE": "no second port is opened",
    "OMP_NUM_THREADS": "no OpenMP; see `SAGEMAKER_MODEL_SERVER_WORKERS`",
}
