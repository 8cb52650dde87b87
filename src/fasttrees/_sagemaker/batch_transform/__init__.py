"""A local Batch Transform: sends files to a model server the way Amazon SageMaker's agent does.

docs/how-to/batch-transform.md describes what it does, and where it differs from the service.
"""

from fasttrees._sagemaker.batch_transform.agent import transform
from fasttrees._sagemaker.batch_transform.client import Client
from fasttrees._sagemaker.batch_transform.errors import ServerError, TransformError
from fasttrees._sagemaker.batch_transform.job import Job, Limits
from fasttrees._sagemaker.batch_transform.objects import find_objects
from fasttrees._sagemaker.batch_transform.server import (
    Server,
    container,
    container_command,
    free_port,
    local_server,
    server_command,
    stop_command,
)
from fasttrees._sagemaker.batch_transform.summary import Summary

__all__ = [
    "Client",
    "Job",
    "Limits",
    "Server",
    "ServerError",
    "Summary",
    "TransformError",
    "container",
    "container_command",
    "find_objects",
    "free_port",
    "local_server",
    "server_command",
    "stop_command",
    "transform",
]
