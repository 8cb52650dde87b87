"""Trains LightGBM models the way Amazon SageMaker runs training images.

docs/how-to/training.md describes contract, hyperparameters and what is written. Nothing here imports lightgbm until
a job runs.
"""

from fasttrees.training.errors import TrainingError
from fasttrees.training.lines import METRIC_DEFINITIONS
from fasttrees.training.program import run_training

__all__ = ["METRIC_DEFINITIONS", "TrainingError", "run_training"]
