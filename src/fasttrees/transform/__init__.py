"""A local Batch Transform: sends files to a model server the way Amazon SageMaker's agent does.

docs/batch-transform.md describes what it does, and where it differs from the service.
"""

from fasttrees.transform._agent import transform
from fasttrees.transform._client import Client
from fasttrees.transform._errors import ServerError, TransformError
from fasttrees.transform._job import Job, Limits
from fasttrees.transform._objects import find_objects
from fasttrees.transform._server import (
    Server,
    container,
    container_command,
    free_port,
    local_server,
    server_command,
    stop_command,
)
from fasttrees.transform._summary import Summary

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
