"""The text of a model: what describes a model rather than scores rows, read from its ``model.txt`` when asked for.

Gains, weights, counts and importances cost a model that only predicts nothing: the forest does not hold them, and
nothing here is imported before it is needed. It is plain Python, because such questions are rare.
"""

from __future__ import annotations

from fasttrees._modelfile.dump import dump
from fasttrees._modelfile.from_json import text_of_json
from fasttrees._modelfile.importance import gains_by_feature
from fasttrees._modelfile.model_text import ModelText
from fasttrees._modelfile.tables import split_value_histogram, trees_to_dataframe
from fasttrees._modelfile.writer import write_model_text

__all__ = [
    "ModelText",
    "dump",
    "gains_by_feature",
    "split_value_histogram",
    "text_of_json",
    "trees_to_dataframe",
    "write_model_text",
]
