"""The configuration file of a pipeline: each section a class, each key a field whose description is its comment.

pydantic checks types and bounds; a library is better at that than code of ours would be.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from fasttrees.pipeline.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "AwsSettings",
    "Config",
    "DeploySettings",
    "LocalSettings",
    "PipelineSettings",
    "PrepareSettings",
    "TrainSettings",
    "TransformSettings",
]

# What SageMaker takes in names of jobs and endpoints (API, CreateTrainingJob), short enough for what is added to them.
# Lower case: in ARNs the service writes names so, and policies, which tell cases apart, name ARNs.
Name = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=20)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A section of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PipelineSettings(Section):
    """What the pipeline is called, and where it runs."""

    project: Name = Field(default="flights", description="with the experiment, the name of all that is created")
    experiment: Name = Field(default="first", description="models are kept at {project}/{experiment}/model.txt")
    backend: Literal["local", "aws"] = Field(default="local", description='"local": a folder is the bucket; or "aws"')
    directory: str = Field(
        default="pipeline", description="folder for what is prepared, reports and state; beside this file"
    )
    prices: str = Field(default="", description='price table (TOML); "": the one that comes with fasttrees')


class PrepareSettings(Section):
    """From the raw table to headerless CSV, the target first."""

    raw: list[str] = Field(
        default=["raw.csv"], description="CSV (also .gz) or Parquet files of the same columns", min_length=1
    )
    target: str = Field(default="target", description="column to predict")
    classes: list[str] = Field(
        default=[], description="a target of words: its classes in order, 0 first; []: in alphabetical order"
    )
    drop: list[str] = Field(default=[], description="columns to leave out")
    categorical: list[str] = Field(
        default=[], description="number columns that are categories; columns of text always are"
    )
    missing: list[str] = Field(default=["", "NA", "NaN", "nan", "null", "None"], description="cells that mean: missing")
    split: Literal["random", "stratified", "time", "group"] = Field(
        default="random",
        description='"random"; "stratified": the same share of each class; "time": the last rows are the test; '
        '"group": rows of a group stay together',
    )
    split_column: str = Field(default="", description="column of the time or the group, where the split needs one")
    test_fraction: Fraction = Field(default=0.2, description="share of the rows for the test")
    validation_fraction: Fraction = Field(default=0.1, description="share of the rows for early stopping")
    seed: int = Field(default=1, ge=0, description="of the split: the same seed, the same rows")
    normalize: bool = Field(
        default=False, description="numbers to mean 0 and variance 1; for linear learners, trees need none"
    )
    part_size_mb: Positive = Field(
        default=64, description="size of the files written; several let several instances work"
    )

    @model_validator(mode="after")
    def _check_split(self) -> PrepareSettings:
        if (self.split in ("time", "group")) != bool(self.split_column):
            raise ValueError(f"split_column: split = {self.split!r} needs {'one' if not self.split_column else 'none'}")
        if self.test_fraction == 0:
            raise ValueError("test_fraction: expected more than 0: without a test nothing can be scored")
        if self.test_fraction + self.validation_fraction >= 1:
            raise ValueError("test_fraction + validation_fraction: expected less than 1, or no rows are left to train")
        return self


class TrainSettings(Section):
    """The training job."""

    image: str = Field(
        default="", description='URI of the training image; "" (local only): in a process on this machine'
    )
    serving_image_is_own: bool = Field(
        default=False, description="the training image also serves its model, as XGBoost's and the linear learner's do"
    )
    instance_type: str = Field(default="ml.m5.xlarge", pattern=r"^ml\.")
    instance_count: Positive = Field(default=1)
    volume_size_gb: Positive = Field(default=30)
    max_runtime_minutes: Positive = Field(default=60, description="the job is stopped after this time")
    hyperparameters: dict[str, str | int | float | bool] = Field(
        default={"objective": "binary", "num_iterations": 300, "early_stopping_round": 20, "seed": 1},
        description="of the image; for fasttrees' own: LightGBM's parameters",
    )


class DeploySettings(Section):
    """The endpoint."""

    image: str = Field(default="", description='URI of the serving image; "" (local only): the server on this machine')
    instance_type: str = Field(default="ml.c5.large", pattern=r"^ml\.")
    instance_count: Positive = Field(default=1)
    timeout_minutes: Positive = Field(default=15, description="the endpoint must be in service after this time")
    environment: dict[str, str] = Field(default={}, description="variables of the server, such as PREDICTION_THRESHOLD")


class TransformSettings(Section):
    """The Batch Transform of the test rows; images are those of the endpoint."""

    instance_type: str = Field(
        default="ml.m5.xlarge", pattern=r"^ml\.", description="Batch Transform has no ml.c5.large"
    )
    instance_count: Positive = Field(default=1)
    max_payload_mb: int = Field(default=6, ge=1, le=100)
    timeout_minutes: Positive = Field(default=60)
    environment: dict[str, str] = Field(default={}, description="variables of the server, for the transform alone")


class LocalSettings(Section):
    """What the backend "local" needs."""

    network: str = Field(default="", description="""Docker's --network for images, such as "host"; "": Docker's own""")


class AwsSettings(Section):
    """What the backend "aws" needs. Credentials never stand here: boto3 finds them as the AWS command line does."""

    region: str = Field(default="", description='such as "sa-east-1"; "": that of the profile')
    profile: str = Field(default="", description='of the AWS configuration; "": the default one')
    bucket: str = Field(default="", description="created if it is missing")
    role: str = Field(default="", description="ARN of the role that the jobs and the endpoint take on")
    kms_key: str = Field(
        default="", description='ARN of a KMS key for the bucket, the jobs and the endpoint; "": SSE-S3'
    )
    subnets: list[str] = Field(default=[], description="VPC of the jobs and the endpoint, with security_groups")
    security_groups: list[str] = Field(default=[])
    tags: dict[str, str] = Field(default={}, description="more tags for all that is created")


class Config(Section):
    """A pipeline's configuration.

    Attributes
    ----------
    home : Path
        Folder that paths in the file are relative to.
    """

    pipeline: PipelineSettings = PipelineSettings()
    prepare: PrepareSettings = PrepareSettings()
    train: TrainSettings = TrainSettings()
    deploy: DeploySettings = DeploySettings()
    transform: TransformSettings = TransformSettings()
    local: LocalSettings = LocalSettings()
    aws: AwsSettings = AwsSettings()

    _home: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("aws")
    @classmethod
    def _check_vpc(cls, aws: AwsSettings) -> AwsSettings:
        if bool(aws.subnets) != bool(aws.security_groups):
            raise ValueError("subnets and security_groups: expected both or none")
        return aws

    @model_validator(mode="after")
    def _check_backend(self) -> Config:
        if self.pipeline.backend == "aws":
            needed = {"aws.bucket": self.aws.bucket, "aws.role": self.aws.role, "train.image": self.train.image}
            if not self.train.serving_image_is_own:
                needed["deploy.image"] = self.deploy.image
            for name, value in needed.items():
                if not value:
                    raise ValueError(f'{name}: expected a value, for pipeline.backend = "aws" needs it')
        return self

    @classmethod
    def load(cls, path: str | Path) -> Config:
        """Read a configuration file.

        Raises
        ------
        ConfigError
            With the file, the section and the key that do not fit, what was expected, and what was got.
        """
        path = Path(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: no such file; `fasttrees pipeline init` writes one") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
        try:
            config = cls.model_validate(table)
        except ValidationError as error:
            raise ConfigError(f"{path}: {'; '.join(map(_explain, error.errors()))}") from error
        config._home = path.absolute().parent
        return config

    @property
    def home(self) -> Path:
        """Folder that paths in the file are relative to."""
        return self._home

    @property
    def directory(self) -> Path:
        """Folder of all that the pipeline keeps on this machine."""
        return Path(os.path.normpath(self._home / self.pipeline.directory))

    @property
    def prepared_folder(self) -> Path:
        """Folder of what prepare makes; the same for all backends."""
        return self.directory / "prepared"

    @property
    def folder(self) -> Path:
        """Folder of the backend: its state and what comes back from it."""
        return self.directory / self.pipeline.backend

    @property
    def raw_files(self) -> list[Path]:
        """The raw table."""
        return [self._home / name for name in self.prepare.raw]

    @property
    def model_key(self) -> str:
        """Key of the model in the bucket, as the serving image expects it."""
        return f"{self.pipeline.project}/{self.pipeline.experiment}/model.txt"


def _explain(problem: Any) -> str:
    """Describe one problem in a line: where, expected, got."""
    place = ".".join(str(part) for part in problem["loc"])
    message = re.sub(r"^(Input should be|Value error,) ?", "", problem["msg"])
    if problem["type"] == "value_error":
        return f"{place}: {message}" if place else message
    if problem["type"] == "extra_forbidden":
        return f"{place}: no such key"
    return f"{place}: expected {message}, got {problem['input']!r}"
