"""A stage for pipelines of ``pyspark.ml``. Needs pyspark; :mod:`fasttrees.spark` itself imports it on first use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.ml import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCols, HasPredictionCol
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter

from fasttrees._distributed import read_model
from fasttrees.errors import InputError, ModelTextError
from fasttrees.model import Model, loads
from fasttrees.spark import transform

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["FastTreesModel"]

FILE = "model"  # beside the metadata: model.txt, or a compact file if there is no text


class FastTreesModel(Transformer, HasInputCols, HasPredictionCol, MLReadable, MLWritable):  # type: ignore[misc]
    """A trained model as a transformer: :func:`fasttrees.spark.transform` as a stage that can be saved and loaded.

    Parameters
    ----------
    model : Model, lightgbm.Booster, fitted estimator of lightgbm.sklearn, or path of a model file
        It cannot be replaced later.
    inputCols : sequence of str, optional
        The feature columns, in the order of the model's features. Default: those with the features' names.
    predictionCol : str, default "prediction"
        Name of the new column.
    kind : {"normal", "raw", "leaf", "contrib"}, default "normal"
    numThreads : int, default 1
        Threads of a task; 0: its CPUs, which are ``spark.task.cpus``.
    """

    kind: Param[str] = Param(
        Params._dummy(),
        "kind",
        "kind of output: normal, raw, leaf or contrib",
        typeConverter=TypeConverters.toString,
    )
    numThreads: Param[int] = Param(  # noqa: N815  (as in pyspark)
        Params._dummy(),
        "numThreads",
        "threads of a task; 0: spark.task.cpus",
        typeConverter=TypeConverters.toInt,
    )

    def __init__(
        self,
        model: Any,
        *,
        inputCols: Sequence[str] | None = None,
        predictionCol: str | None = None,
        kind: str | None = None,
        numThreads: int | None = None,
    ) -> None:
        super().__init__()
        self._model = read_model(model)
        self._setDefault(predictionCol="prediction", kind="normal", numThreads=1)
        given = {"inputCols": inputCols, "predictionCol": predictionCol, "kind": kind, "numThreads": numThreads}
        self._set(**{name: value for name, value in given.items() if value is not None})

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    def setInputCols(self, value: Sequence[str]) -> FastTreesModel:  # noqa: N802  (as in pyspark)
        """Set `inputCols`."""
        return self._set(inputCols=list(value))  # type: ignore[no-any-return]

    def setPredictionCol(self, value: str) -> FastTreesModel:  # noqa: N802
        """Set `predictionCol`."""
        return self._set(predictionCol=value)  # type: ignore[no-any-return]

    def setKind(self, value: str) -> FastTreesModel:  # noqa: N802
        """Set `kind`."""
        return self._set(kind=value)  # type: ignore[no-any-return]

    def getKind(self) -> str:  # noqa: N802
        """Return `kind`."""
        return self.getOrDefault(self.kind)  # type: ignore[no-any-return]

    def setNumThreads(self, value: int) -> FastTreesModel:  # noqa: N802
        """Set `numThreads`."""
        return self._set(numThreads=value)  # type: ignore[no-any-return]

    def getNumThreads(self) -> int:  # noqa: N802
        """Return `numThreads`."""
        return self.getOrDefault(self.numThreads)  # type: ignore[no-any-return]

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return transform(
            dataset,
            self._model,
            columns=self.getInputCols() if self.isDefined(self.inputCols) else None,
            output=self.getPredictionCol(),
            kind=self.getKind(),
            n_threads=self.getNumThreads() or None,
        )

    def write(self) -> MLWriter:
        """Return the writer that ``save`` uses."""
        return _Writer(self)

    @classmethod
    def read(cls) -> MLReader[FastTreesModel]:
        """Return the reader that ``load`` uses."""
        return _Reader()


class _Writer(MLWriter):  # type: ignore[misc]
    def __init__(self, stage: FastTreesModel) -> None:
        super().__init__()
        self._stage = stage

    def saveImpl(self, path: str) -> None:  # noqa: N802
        """Write parameters and model to a path of any of Hadoop's file systems."""
        DefaultParamsWriter.saveMetadata(self._stage, path, self.sc)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, FILE)
            try:
                self._stage.model.save_model(local)
            except ModelTextError:
                self._stage.model.save(local)
            files, name = _hadoop(self.sc, path)
            files.copyFromLocalFile(True, False, _local(self.sc, local), name)


class _Reader(MLReader):  # type: ignore[misc]
    def load(self, path: str) -> FastTreesModel:
        """Read parameters and model."""
        metadata = DefaultParamsReader.loadMetadata(path, self.sc)
        name = f"{FastTreesModel.__module__}.{FastTreesModel.__qualname__}"
        if metadata["class"] != name:
            raise InputError(f"{path}: expected a saved {name}, got {metadata['class']}")
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, FILE)
            files, name = _hadoop(self.sc, path)
            files.copyToLocalFile(False, name, _local(self.sc, local), True)
            stage = FastTreesModel(loads(local.read_bytes(), verify=True))
        stage._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(stage, metadata)
        return stage


def _hadoop(context: Any, path: str) -> tuple[Any, Any]:
    """Return Hadoop's file system of a path, and the path of the model's file there."""
    name = context._jvm.org.apache.hadoop.fs.Path(path, FILE)
    return name.getFileSystem(context._jsc.hadoopConfiguration()), name


def _local(context: Any, path: str | os.PathLike[str]) -> Any:
    return context._jvm.org.apache.hadoop.fs.Path(Path(path).as_uri())
