"""Serve a model over HTTP as Amazon SageMaker asks it of a container; docs/how-to/serving.md describes it.

The process that serves imports neither numpy nor boto3: what is idle must be small.
"""

__all__: list[str] = []
