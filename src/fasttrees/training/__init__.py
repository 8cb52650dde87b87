"""Train LightGBM models under SageMaker's contract for training images.

docs/how-to/training.md describes the contract, hyperparameters and outputs. lightgbm is imported only when a job runs.
"""

from fasttrees.training.errors import TrainingError
from fasttrees.training.lines import METRIC_DEFINITIONS
from fasttrees.training.program import run_training

__all__ = ["METRIC_DEFINITIONS", "TrainingError", "run_training"]
