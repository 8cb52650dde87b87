"""Describe a model: its header, and what LightGBM's ``Booster`` tells of its trees.

The header and leaf values are in memory. What predictions do not need is in the text that the model was read from: the
file is read again for each question, so that a model that only predicts pays nothing for it.
"""

from __future__ import annotations

import os

from fasttrees._modelfile.lazy import LazyAttribute
from fasttrees.errors import InputError, ModelTextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    import numpy as np
    import pandas as pd

    from fasttrees._builds import Evaluator
    from fasttrees._modelfile.header import ModelHeader
    from fasttrees._modelfile.source import FileSource, TextSource
    from fasttrees._modelfile.text import ModelText

    Self = TypeVar("Self", bound="Description")

__all__ = ["Description"]


class Description:
    """Base of the public model: all of it but scoring."""

    _evaluator: Evaluator = LazyAttribute()  # type: ignore[assignment]
    _header: ModelHeader = LazyAttribute()  # type: ignore[assignment]
    _source: FileSource | TextSource | None

    # -- header -------------------------------------------------------------------------------------------------------

    #: LightGBM's name for the iteration that early stopping chose: a model that was read knows none.
    best_iteration = -1

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
        return list(self._header.feature_names)

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
        return self._header.version

    @property
    def feature_infos(self) -> list[str]:
        """For each feature what training saw: ``[min:max]``, categories as ``a:b:c``, or ``none``."""
        return list(self._header.feature_infos)

    @property
    def parameters(self) -> str | None:
        """The training parameters, as the model file has them; None if it has none."""
        return self._header.parameters

    @property
    def pandas_categorical(self) -> list[list[Any]] | None:
        """Categories of each category column of the training data frame; None if it had none."""
        categories = self._header.pandas_categorical
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

    # -- trees --------------------------------------------------------------------------------------------------------

    def get_leaf_output(self, tree_id: int, leaf_id: int) -> float:
        """Get the value of a leaf. Of a linear tree it is what a row with a missing value gets.

        Raises
        ------
        InputError
            If there is no such tree or leaf.
        """
        tree, leaf = _whole(tree_id), _whole(leaf_id)
        if not 0 <= tree < self.num_trees():
            raise InputError(f"expected a tree from 0 to {self.num_trees() - 1}, got {tree}")
        values = self._evaluator.forest.leaf_values(tree)
        if not 0 <= leaf < len(values):
            raise InputError(f"tree {tree}: expected a leaf from 0 to {len(values) - 1}, got {leaf}")
        return values[leaf]

    def lower_bound(self) -> float:
        """Sum the smallest leaf values of all trees, as ``lightgbm.Booster.lower_bound`` does: no raw score is below.

        The trees of all classes are summed, and linear trees are taken for plain ones: for these it is no bound.
        """
        leaf_values = self._evaluator.forest.leaf_values
        total = 0.0
        for tree in range(self.num_trees()):
            total += min(leaf_values(tree))
        return total

    def upper_bound(self) -> float:
        """Sum the largest leaf values of all trees; see :meth:`lower_bound`."""
        leaf_values = self._evaluator.forest.leaf_values
        total = 0.0
        for tree in range(self.num_trees()):
            total += max(leaf_values(tree))
        return total

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a compact file, which ``fasttrees.load`` maps (docs/reference/compact-file.md): what predictions need.

        The file takes its name only when it is whole.
        """
        from fasttrees._modelfile import compact

        compact.save_model(path, self._evaluator, self._header)

    # -- what the text of the model holds -----------------------------------------------------------------------------

    def model_to_string(
        self, num_iteration: int | None = None, start_iteration: int = 0, importance_type: str = "split"
    ) -> str:
        """Write the model as text: what ``lightgbm.Booster.model_to_string`` returns for the same model.

        Parameters
        ----------
        num_iteration : int or None, default None
            How many iterations to write; None, 0 and below: all from `start_iteration` on.
        start_iteration : int, default 0
            The first iteration to write; below 0 counts as 0.
        importance_type : {"split", "gain"}, default "split"
            The importances that the text lists.

        Raises
        ------
        ModelTextError
            If the file that the model was loaded from is gone or has changed.
        InputError
            If `importance_type` is another.
        TypeError
            If a number is no whole number.
        """
        from fasttrees._modelfile.text import write_model_text

        return write_model_text(self._text(), *_iterations(num_iteration, start_iteration), importance_type)

    def save_model(
        self: Self,
        filename: str | os.PathLike[str],
        num_iteration: int | None = None,
        start_iteration: int = 0,
        importance_type: str = "split",
    ) -> Self:
        """Write what :meth:`model_to_string` returns to a file; returns the model."""
        text = self.model_to_string(num_iteration, start_iteration, importance_type)
        with open(filename, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)
        return self

    def cut(self: Self, start_iteration: int = 0, num_iteration: int | None = None) -> Self:
        """Make a model of some of the iterations: it predicts what this one does with the same arguments."""
        text = self.model_to_string(num_iteration, start_iteration)
        return type(self)(model_str=text)  # type: ignore[call-arg]

    def dump_model(
        self,
        num_iteration: int | None = None,
        start_iteration: int = 0,
        importance_type: str = "split",
        object_hook: Callable[[dict[str, Any]], Any] | None = None,
    ) -> dict[str, Any]:
        """Describe the model by nested dictionaries: what ``lightgbm.Booster.dump_model`` returns.

        Parameters
        ----------
        num_iteration, start_iteration, importance_type
            As of :meth:`model_to_string`.
        object_hook : callable, optional
            Replaces each dictionary, the inner ones first.
        """
        from fasttrees._modelfile.text import dump

        num_iteration, start_iteration = _iterations(num_iteration, start_iteration)
        return dump(self._text(), num_iteration, start_iteration, importance_type, object_hook)

    def feature_importance(self, importance_type: str = "split", iteration: int | None = None) -> np.ndarray:
        """Return the importance of each feature.

        Parameters
        ----------
        importance_type : {"split", "gain"}, default "split"
            In how many splits a feature is, or what these splits gained in all.
        iteration : int or None, default None
            How many iterations to look at; None, 0 and below: all.

        Returns
        -------
        numpy.ndarray
            Shape (n_features,); int32 for "split", float64 for "gain".
        """
        import numpy as np

        from fasttrees._modelfile.text import gains_by_feature

        sums = gains_by_feature(self._text(), _iterations(iteration, 0)[0], importance_type)
        return np.array(sums, np.float64 if importance_type == "gain" else np.int32)

    def trees_to_dataframe(self) -> pd.DataFrame:
        """Make a data frame with a row for each node: what ``lightgbm.Booster.trees_to_dataframe`` returns."""
        from fasttrees._modelfile.text import trees_to_dataframe

        return trees_to_dataframe(self.dump_model())

    def get_split_value_histogram(
        self, feature: int | str, bins: int | str | None = None, xgboost_style: bool = False
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray | pd.DataFrame:
        """Count the thresholds of one feature in bins: what ``lightgbm.Booster.get_split_value_histogram`` returns.

        Parameters
        ----------
        feature : int or str
            Number or name of a numerical feature.
        bins : int, str or None, default None
            As of ``numpy.histogram``; None: as many as there are different thresholds.
        xgboost_style : bool, default False
            Return right edges and counts of the bins that are not empty, with pandas as a data frame.
        """
        from fasttrees._modelfile.text import split_value_histogram

        return split_value_histogram(self.dump_model(), feature, bins, xgboost_style)

    def _text(self) -> ModelText:
        if self._source is None:
            raise ModelTextError(
                "the model was made without its text, or from a compact file, which has none: load its model.txt to "
                "describe it"
            )
        from fasttrees._modelfile.source import text_of
        from fasttrees._modelfile.text import ModelText

        return ModelText(text_of(self._source.read()))


def _iterations(num_iteration: int | None, start_iteration: int) -> tuple[int, int]:
    return -1 if num_iteration is None else _whole(num_iteration), _whole(start_iteration)


def _whole(number: int) -> int:
    from operator import index  # here, because it takes longer to import than this module

    return index(number)
