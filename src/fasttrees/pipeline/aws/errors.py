"""Errors of AWS in the terms of a pipeline's configuration."""

from __future__ import annotations

from contextlib import AbstractContextManager

from fasttrees._aws.errors import Explainer
from fasttrees.pipeline.errors import PipelineError

__all__ = ["EXPLAINER", "explaining"]

EXPLAINER = Explainer(
    PipelineError,
    credentials="log in again (`aws sso login`, `aws configure`), or set AWS_* variables; see aws.profile",
    again="run the step again: what is done is kept",
    region="aws.region",
    profile="aws.profile",
    bucket="aws.bucket",
    kms_key="aws.kms_key",
    extra="pipeline",
)


def explaining(what: str, policies: str) -> AbstractContextManager[None]:
    """Let calls to AWS inside a block fail with a PipelineError; see :meth:`Explainer.explaining`."""
    return EXPLAINER.explaining(what, policies)
