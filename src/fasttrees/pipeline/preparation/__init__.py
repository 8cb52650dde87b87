"""From a raw table to the files that training and scoring read. See docs/how-to/pipeline-prepare.md."""

from fasttrees.pipeline.preparation.prepare import is_prepared, prepare_table, remove_prepared
from fasttrees.pipeline.preparation.samples import Sample, read_samples
from fasttrees.pipeline.preparation.schema import Column, Schema

__all__ = ["Column", "Sample", "Schema", "is_prepared", "prepare_table", "read_samples", "remove_prepared"]
