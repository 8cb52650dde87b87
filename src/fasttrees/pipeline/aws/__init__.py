"""The backend "aws": S3 and SageMaker through boto3. See docs/how-to/pipeline.md."""

from fasttrees.pipeline.aws.service import AwsBackend

__all__ = ["AwsBackend"]
