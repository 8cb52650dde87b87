"""Models and endpoint configurations of SageMaker, which can be created but never changed.

So the name of each ends with a digest of its content: other content has another name, and a resource that exists under
a name has the wanted content.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fasttrees._aws.errors import ignoring_missing
from fasttrees.pipeline.aws.account import Account
from fasttrees.pipeline.aws.errors import explaining
from fasttrees.pipeline.aws.poller import Poller
from fasttrees.pipeline.aws.requests import call_when_found, volume_key, vpc_config
from fasttrees.pipeline.aws.tags import tag_list
from fasttrees.pipeline.backend import Hosting
from fasttrees.pipeline.config import Config

__all__ = ["VARIANT", "Models", "endpoint_of"]

VARIANT = "AllTraffic"
DIGITS = 8


class Models:
    """Models of a pipeline, and the configurations of endpoints that serve them."""

    def __init__(self, config: Config, account: Account, poller: Poller) -> None:
        self._poller = poller
        self._config = config
        self._account = account

    def create_model(self, hosting: Hosting, step: str) -> str:
        """Create the model unless it exists, with the rights of a step's policy; return its name."""
        aws = self._config.aws
        content = {
            "ExecutionRoleArn": aws.role,
            "PrimaryContainer": {"Image": hosting.image, **self._model_source(hosting)},
            **vpc_config(aws),
        }
        # The artefact too: each training puts its model.txt under the same key, and an endpoint fetches it once.
        name = _name(hosting.name, {**content, "artifact": hosting.artifact_key})
        with explaining(f"model {name}", step):
            with ignoring_missing():
                self._account.sagemaker.describe_model(ModelName=name)
                return name
            self._account.sagemaker.create_model(ModelName=name, Tags=tag_list(self._config), **content)
        return name

    def create_endpoint_config(self, hosting: Hosting, model: str, step: str) -> str:
        """Create the endpoint configuration of a model unless it exists; return its name."""
        settings, aws = self._config.deploy, self._config.aws
        content = {
            "ProductionVariants": [
                {
                    "VariantName": VARIANT,
                    "ModelName": model,
                    "InstanceType": settings.instance_type,
                    "InitialInstanceCount": settings.instance_count,
                }
            ],
            **volume_key("KmsKeyId", settings.instance_type, aws),
        }
        name = _name(hosting.name, content)
        with explaining(f"endpoint configuration {name}", step):
            with ignoring_missing():
                self._account.sagemaker.describe_endpoint_config(EndpointConfigName=name)
                return name
            request = {"EndpointConfigName": name, "Tags": tag_list(self._config), **content}
            call_when_found(lambda: self._account.sagemaker.create_endpoint_config(**request), self._poller)
        return name

    def _model_source(self, hosting: Hosting) -> dict[str, Any]:
        """Return where the model comes from: our serving image fetches it, or the service unpacks it for the image."""
        bucket, variables = self._config.aws.bucket, dict(hosting.environment)
        if not hosting.model_key:
            return {"ModelDataUrl": f"s3://{bucket}/{hosting.artifact_key}", "Environment": variables}
        source = {
            "MODEL_S3_BUCKET": bucket,
            "MODEL_S3_KEY": hosting.model_key,
            "MODEL_S3_BUCKET_OWNER": self._account.number,
        }
        return {"Environment": {**variables, **source}}


def endpoint_of(name: str) -> str:
    """Return the name of a model or an endpoint configuration without its digest."""
    return name[: -DIGITS - 1]


def _name(name: str, content: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{name}-{digest[:DIGITS]}"
