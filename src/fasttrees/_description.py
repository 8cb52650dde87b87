"""What a model tells of itself."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fasttrees._engine import Evaluator

__all__ = ["Description"]


class Description:
    """Base of the public model: all of it but scoring."""

    _evaluator: Evaluator
    _facts: dict[str, Any]

    def num_feature(self) -> int:
        """Count the columns that the model wants."""
        return self._evaluator.forest.n_features

    def num_trees(self) -> int:
        """Count the trees of all iterations and classes."""
        return self._evaluator.forest.n_trees

    def num_model_per_iteration(self) -> int:
        """Count the trees of one iteration: the number of classes, 1 for all but multiclass models."""
        return self._evaluator.forest.n_classes

    def current_iteration(self) -> int:
        """Count the iterations."""
        return self.num_trees() // self.num_model_per_iteration()

    def feature_name(self) -> list[str]:
        """List the names of the features, in the order of the columns."""
        return list(self._facts["feature_names"])

    @property
    def objective(self) -> str | None:
        """The objective with its parameters, as the model file has it; None without one: scores are then raw."""
        return self._evaluator.objective.text

    @property
    def num_class(self) -> int:
        """Number of classes; 1 for all but multiclass models."""
        return self._evaluator.forest.n_classes

    @property
    def is_binary(self) -> bool:
        """Whether predictions are probabilities of the second of two classes (objective ``binary``)."""
        return self._evaluator.objective.name == "binary"

    @property
    def average_output(self) -> bool:
        """Whether predictions are means over iterations (a random forest)."""
        return self._evaluator.average_output

    @property
    def version(self) -> str | None:
        """Version of the file format, such as ``v4``; None if the file has none."""
        version: str | None = self._facts["version"]
        return version

    @property
    def feature_infos(self) -> list[str]:
        """For each feature what training saw: ``[min:max]``, categories as ``a:b:c``, or ``none``."""
        return list(self._facts["feature_infos"])

    @property
    def parameters(self) -> str | None:
        """The training parameters, as the model file has them; None if it has none."""
        parameters: str | None = self._facts["parameters"]
        return parameters

    @property
    def pandas_categorical(self) -> list[list[Any]] | None:
        """Categories of each category column of the training data frame; None if it had none."""
        categories: list[list[Any]] | None = self._facts["pandas_categorical"]
        return None if categories is None else [list(column) for column in categories]

    @property
    def num_leaves(self) -> int:
        """Number of leaves of all trees."""
        return self._evaluator.forest.n_leaves

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the model's arrays hold now; the first batch and the first few rows add their plans."""
        return self._evaluator.nbytes

    def features_used(self) -> tuple[set[int], set[int]]:
        """Find the columns that predictions depend on: two sets of numbers, read as numbers and as categories."""
        return self._evaluator.forest.features_used()
