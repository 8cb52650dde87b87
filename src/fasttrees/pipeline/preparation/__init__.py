"""From a raw table to the files that training and scoring read. docs/pipeline-prepare.md says what is done to it."""

from fasttrees.pipeline.preparation.prepare import prepare_table
from fasttrees.pipeline.preparation.samples import Sample, read_samples
from fasttrees.pipeline.preparation.schema import Column, Schema

__all__ = ["Column", "Sample", "Schema", "prepare_table", "read_samples"]
