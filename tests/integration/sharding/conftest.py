"""AWS by moto, for the tests that use it."""

from tests.support.aws.fixtures import aws, faults, moto_url, recorder, s3

__all__ = ["aws", "faults", "moto_url", "recorder", "s3"]
