"""An AWS account as boto3's credentials give it: its clients, its number and its region."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from fasttrees._aws.client import S3Settings, new_client, open_session
from fasttrees._aws.errors import Explainer
from fasttrees.errors import FastTreesError

__all__ = ["Account"]


class Account:
    """The clients of one profile in one region, made when they are first used.

    Attributes
    ----------
    settings : S3Settings
    """

    def __init__(self, settings: S3Settings, explainer: Explainer) -> None:
        self.settings = settings
        self._explainer = explainer
        self._clients: dict[str, Any] = {}

    def error(self, message: str) -> FastTreesError:
        """Return an exception of the program's own class."""
        return self._explainer.error(message)

    def explaining(self, what: str, policies: str) -> AbstractContextManager[None]:
        """Turn errors of AWS inside a block into the program's own; see :meth:`Explainer.explaining`."""
        return self._explainer.explaining(what, policies)

    @cached_property
    def _session(self) -> Any:
        with self.explaining("AWS configuration", "upload"):
            return open_session(self.settings)

    def client(self, service: str) -> Any:
        """Return the client of a service, such as ``s3`` or ``sagemaker``."""
        if service not in self._clients:
            with self.explaining(f"AWS client for {service}", "upload"):
                self._clients[service] = new_client(self._session, service, self.region, self.settings)
        return self._clients[service]

    @cached_property
    def region(self) -> str:
        """The region in which everything is created."""
        if region := self._session.region_name:
            return str(region)
        raise self._explainer.no_region()

    @cached_property
    def identity(self) -> dict[str, str]:
        """``Account`` and ``Arn`` of the caller (STS GetCallerIdentity, which needs no rights)."""
        with self.explaining("AWS account", "upload"):
            answer = self.client("sts").get_caller_identity()
        return {"Account": answer["Account"], "Arn": answer["Arn"]}

    @property
    def number(self) -> str:
        """Number of the account: the owner of all buckets that are used."""
        return self.identity["Account"]

    @property
    def partition(self) -> str:
        """Partition of the region, such as ``aws`` or ``aws-cn``, as ARNs name it."""
        return str(self._session.get_partition_for_region(self.region))

    def describe(self) -> str:
        """Return a line that names the account, the region and the caller."""
        return f"AWS account {self.number}, region {self.region}, as {self.identity['Arn']}"
