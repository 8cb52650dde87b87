"""The public model: what ``fasttrees.load`` returns."""

from __future__ import annotations

import os

from fasttrees._builds import Evaluator, RowScorer
from fasttrees._description import Description
from fasttrees._engine.rows import RowBuffer
from fasttrees._modelfile.loading import read_file, read_text
from fasttrees._parameters import Parameters
from fasttrees._runtime.threads import MIN_ROWS, resolve_n_threads, run_in_threads
from fasttrees.errors import InputError, InputTypeError

TYPE_CHECKING = False  # what only a type checker reads takes a third of the time to import this package
if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from fasttrees._inputs.blocks import BlockRows
    from fasttrees._modelfile.header import ModelHeader
    from fasttrees._modelfile.loading import Loaded
    from fasttrees._modelfile.source import FileSource, TextSource

__all__ = ["Model", "load", "loads"]


def load(path: str | os.PathLike[str], *, verify: bool = False) -> Model:
    """Read a model from a ``model.txt`` that LightGBM wrote, from JSON of its ``dump_model``, or from a compact file.

    Parameters
    ----------
    path : str or path-like
    verify : bool, default False
        Prove the trees of a compact file again, as those of a text always are, and make its plans anew: for files from
        others. Damage is found without it: above 1 MiB when the damaged part is first needed.

    Returns
    -------
    Model

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFormatError
        If it is not a whole and sound model; the error says where.
    """
    return Model(model_file=path, verify=verify)


def loads(text: str | bytes | bytearray | memoryview, *, verify: bool = False) -> Model:
    """Read a model from the text of a ``model.txt``, as ``lightgbm.Booster.model_to_string`` returns it, or from JSON.

    Parameters
    ----------
    text : str or bytes-like
        Or a compact file's bytes.
    verify : bool, default False
        As in :func:`load`.

    Returns
    -------
    Model

    Raises
    ------
    ModelFormatError
        If the text is not a whole and sound model; the error says where.
    """
    return Model(model_str=text, verify=verify)


_inputs: Any = None  # numpy's side of the package, imported when it is first needed


def _import_inputs() -> Any:
    global _inputs
    from fasttrees import _inputs as module

    _inputs = module
    return module


class Model(Description):
    """A LightGBM model that scores rows.

    A model never changes: threads share it freely, a forked process goes on with it, copies are the model itself, and
    it pickles.

    Parameters
    ----------
    model_file : str or path-like, optional
        What :func:`load` reads.
    model_str : str or bytes-like, optional
        What :func:`loads` reads. One of the two must be given.
    verify : bool, default False
        As of :func:`load`.
    """

    def __init__(
        self,
        *,
        model_file: str | os.PathLike[str] | None = None,
        model_str: str | bytes | bytearray | memoryview | None = None,
        verify: bool = False,
    ) -> None:
        if (model_file is None) == (model_str is None):
            raise InputTypeError("expected either model_file or model_str")
        self._set(read_file(model_file, verify) if model_file is not None else read_text(model_str, verify))

    @classmethod
    def from_booster(cls, booster: Any, num_iteration: int | None = None, start_iteration: int = 0) -> Model:
        """Make the model that a ``lightgbm.Booster`` holds, or a fitted estimator of ``lightgbm.sklearn``.

        It is the model that ``booster.save_model`` with the same arguments would write: by default the best iterations
        if training stopped early, else all.

        Raises
        ------
        InputTypeError
            If it is another object.
        """
        booster = getattr(booster, "booster_", booster)
        if not hasattr(booster, "model_to_string"):
            raise InputTypeError(f"expected a lightgbm.Booster, got {type(booster).__name__}")
        return cls(model_str=booster.model_to_string(num_iteration=num_iteration, start_iteration=start_iteration))

    @classmethod
    def _of(cls, evaluator: Evaluator, header: ModelHeader, source: FileSource | TextSource | None = None) -> Model:
        model = cls.__new__(cls)
        model._set(((evaluator, header), source))
        return model

    def _set(self, loaded: Loaded) -> None:
        parts, self._source = loaded
        if callable(parts):
            self._open = parts
        else:
            self._evaluator, self._header = parts

    # -- scoring ------------------------------------------------------------------------------------------------------

    def predict(
        self,
        data: Any,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        raw_score: bool = False,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        data_has_header: bool = False,
        validate_features: bool = False,
        *,
        n_threads: int | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Score rows: the same bits as ``lightgbm.Booster.predict`` with the same arguments.

        Parameters
        ----------
        data : array-like, data frame, Arrow table, sparse matrix or path of a file, shape (n_rows, n_features)
            Everything that LightGBM takes: numpy arrays, lists of lists, data frames of pandas and polars, tables of
            pyarrow and whatever else has ``__arrow_c_stream__`` or ``__arrow_c_array__``, sparse matrices of scipy,
            LightGBM's ``Sequence`` and other objects that numpy reads as rows of floats, files of CSV, TSV and LibSVM.
            NaN and null are missing values. Arrays of float32 and float64 and the columns of tables are read in
            place; arrays of other types are converted to float32 first, as LightGBM does. See docs/reference/inputs.md.
        start_iteration : int, default 0
            The first iteration to use; below 0 counts as 0.
        num_iteration : int or None, default None
            How many iterations to use; None, 0 and below: all from `start_iteration` on.
        raw_score : bool, default False
            Leave out the objective's transform. The raw scores of a random forest are sums, not means.
        pred_leaf : bool, default False
            Return the number of each row's leaf in each tree instead; wins over `raw_score`.
        pred_contrib : bool, default False
            Return the features' contributions to each raw score instead (SHAP values); with `pred_leaf` they are cut to
            int32, as LightGBM does.
        data_has_header : bool, default False
            Whether the first line of a file holds the names of its columns.
        validate_features : bool, default False
            Whether the columns of a pandas data frame must have the model's names in the model's order.
        n_threads : int or None, default None
            None: as many as the CPUs that this process may use, control groups included. It never changes the result.
            Wins over `num_threads`.
        **kwargs
            LightGBM's parameters of prediction: `pred_early_stop`, `pred_early_stop_freq`, `pred_early_stop_margin`,
            `predict_disable_shape_check`, `precise_float_parser`, `num_threads` and `verbosity`, with their aliases.
            Those of training are ignored; unknown ones get a warning. See docs/reference/compatibility.md.

        Returns
        -------
        numpy.ndarray
            float64 of shape (n_rows,), or (n_rows, num_class) with several classes; with `pred_leaf` int32 of shape
            (n_rows, number of trees used); with `pred_contrib` float64 of shape (n_rows, num_class * (n_features + 1)),
            for a sparse matrix a sparse matrix, or a list of one for each class. Without rows, float64 of shape (0,).

        Raises
        ------
        InputError
            If `data` is not two-dimensional, holds what is no number, has another number of columns than the model has
            features, or has no rows while leaves or contributions are asked for; if the model's trees are linear and
            contributions are asked for; if a keyword cannot have its value.
        InputTypeError
            If `data` or a keyword is of a type that LightGBM does not take.
        OSError
            If a file cannot be read.
        TypeError
            If `start_iteration` or `num_iteration` is no whole number.
        """
        inputs = _inputs or _import_inputs()
        counted = n_threads is None or (type(n_threads) is int and n_threads > 0)
        if counted and type(data) is inputs.ndarray and not (pred_leaf or pred_contrib or kwargs):
            scores: np.ndarray | None = self._evaluator.score_few(
                data, inputs.empty, start_iteration, num_iteration, raw_score
            )
            if scores is not None:
                return scores
        parameters = Parameters.read(kwargs)
        n_threads = n_threads if n_threads is not None else parameters.num_threads
        options = inputs.ReadOptions(
            validate_features,
            data_has_header,
            parameters.precise_float_parser,
            parameters.predict_disable_shape_check,
        )
        rows = inputs.as_rows(data, self._columns(inputs), options)
        first, count = self._evaluator.iterations(start_iteration, num_iteration)
        n_classes = self._evaluator.forest.n_classes
        early_stop = parameters.early_stop() if self._evaluator.objective.stops_early else (0, 0.0)
        if pred_contrib:
            if inputs.refuses_contributions(self.parameters):
                raise InputError("LightGBM finds no contributions for models trained with linear_tree")
            contrib: np.ndarray = inputs.contributions(
                data, rows, self._evaluator.forest, (first, count), n_threads, pred_leaf
            )
            return contrib
        if not pred_leaf:
            output: np.ndarray = inputs.empty_scores(rows.n_rows, n_classes)
        elif rows.n_rows:
            output = inputs.empty_leaves(rows.n_rows, count * n_classes)
        else:
            raise InputError("expected at least one row to find leaves for, got none")
        self._evaluate(rows, output, first, count, raw_score, pred_leaf, n_threads, early_stop)
        return output

    def predict_into(
        self,
        rows: Any,
        out: Any,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        raw_score: bool = False,
        pred_leaf: bool = False,
        *,
        n_threads: int | None = None,
    ) -> None:
        """Score rows from one buffer into another, without numpy: :meth:`predict` for buffers.

        Parameters
        ----------
        rows : object with the buffer protocol, shape (n_rows, n_features)
            Format ``d`` or ``f`` (float64 or float32) in any stride; may be read-only. A flat buffer becomes one with
            ``memoryview(buffer).cast("B").cast("d", (n_rows, n_features))``.
        out : writable C-contiguous buffer of n_rows * num_outputs(...) items
            Format ``d``; with `pred_leaf` format ``i``.

        Raises
        ------
        InputError, InputTypeError
            If a buffer does not fit.

        See Also
        --------
        num_outputs : how many items of `out` each row takes
        """
        first, count = self._evaluator.iterations(start_iteration, num_iteration)
        self._evaluate(RowBuffer(rows), out, first, count, raw_score, pred_leaf, n_threads)

    def num_outputs(self, start_iteration: int = 0, num_iteration: int | None = None, pred_leaf: bool = False) -> int:
        """Count the values that :meth:`predict` with these arguments gives for one row."""
        n_classes = self._evaluator.forest.n_classes
        _, n_iterations = self._evaluator.iterations(start_iteration, num_iteration)
        return n_iterations * n_classes if pred_leaf else n_classes

    def row_scorer(
        self, start_iteration: int = 0, num_iteration: int | None = None, raw_score: bool = False
    ) -> RowScorer:
        """Make an object that scores one row at a time, for when each microsecond counts.

        Its method ``score`` takes the row as a C-contiguous buffer of num_feature() float64 items, such as a
        one-dimensional ``numpy.ndarray`` or an ``array.array("d")``, and returns a float, or with several classes a
        tuple of floats: the same bits as :meth:`predict` with the same arguments. Threads may share it.

        >>> score = model.row_scorer().score
        >>> score(row)
        """
        return RowScorer(self._evaluator, start_iteration, num_iteration, raw_score)

    def _columns(self, inputs: Any) -> Any:
        header = self._header
        return inputs.Columns(header.feature_names, self.num_feature(), header.pandas_categorical, header.label_index)

    def _evaluate(
        self,
        rows: RowBuffer | BlockRows,
        out: Any,
        first: int,
        count: int,
        raw_score: bool,
        pred_leaf: bool,
        n_threads: int | None,
        early_stop: tuple[int, float] = (0, 0.0),
    ) -> None:
        evaluate = self._evaluator.evaluate
        if not isinstance(rows, RowBuffer):
            (_inputs or _import_inputs()).run_blocks(
                rows,
                memoryview(out),
                lambda block, part: evaluate(
                    block, part, first, count, raw_score, pred_leaf, 0, block.n_rows, *early_stop
                ),
                n_threads,
            )
            return
        if rows.n_rows < MIN_ROWS and (n_threads is None or resolve_n_threads(n_threads)):
            # What run_in_threads would do, sooner.
            evaluate(rows, out, first, count, raw_score, pred_leaf, 0, rows.n_rows, *early_stop)
            return

        def work(start: int, stop: int) -> None:
            evaluate(rows, out, first, count, raw_score, pred_leaf, start, stop, *early_stop)

        run_in_threads(work, rows.n_rows, n_threads)

    # -- Python's protocols -------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        classes = f", {self.num_class} classes" if self.num_class > 1 else ""
        objective = (self.objective or "no objective")[:60]
        return f"<fasttrees.Model: {objective}, {self.num_trees()} trees, {self.num_feature()} features{classes}>"

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        evaluator = self._evaluator
        return _restore, (evaluator.forest, evaluator.objective, self._header, self._source)


def _restore(forest: Any, objective: Any, header: ModelHeader, source: Any = None) -> Model:
    return Model._of(Evaluator(forest, objective, header.average_output), header, source)
