"""The backend "aws": S3 and SageMaker by boto3. See docs/pipeline.md."""
