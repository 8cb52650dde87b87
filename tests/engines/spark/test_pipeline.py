"""The stage of pyspark.ml: parameters, copies, and the same bits after saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fasttrees
from fasttrees.errors import InputError


@pytest.fixture(scope="module")
def model(models: Path) -> fasttrees.Model:
    return fasttrees.load(models / "multiclass.txt")


@pytest.fixture(scope="module")
def df(spark: Any, model: fasttrees.Model) -> Any:
    names = model.feature_name()
    return spark.range(100).selectExpr("id", *(f"sin(id + {i}) * 10 AS {name}" for i, name in enumerate(names)))


def expected(df: Any, model: fasttrees.Model, **arguments: Any) -> Any:
    rows = df.orderBy("id").select(model.feature_name()).collect()
    return model.predict(np.array(rows), **arguments).tolist()


def got(scored: Any, output: str) -> Any:
    return [score for _, score in sorted(scored.select("id", output).collect())]


def test_parameters_and_copies(df: Any, model: fasttrees.Model) -> None:
    from fasttrees.spark.ml import FastTreesModel

    stage = FastTreesModel(model)
    assert got(stage.transform(df), "prediction") == expected(df, model)
    assert stage.model is model
    assert not stage.isDefined(stage.inputCols)
    assert (stage.getPredictionCol(), stage.getKind(), stage.getNumThreads()) == ("prediction", "normal", 1)
    raw = stage.copy({stage.kind: "raw"})
    assert (raw.getKind(), stage.getKind()) == ("raw", "normal")
    assert raw.model is model
    assert raw.uid == stage.uid
    assert got(raw.transform(df), "prediction") == expected(df, model, raw_score=True)
    leaves = stage.transform(df, {stage.kind: "leaf", stage.predictionCol: "leaves"})
    assert got(leaves, "leaves") == expected(df, model, pred_leaf=True)
    stage.setKind("contrib").setPredictionCol("p").setNumThreads(0).setInputCols(model.feature_name())
    assert stage.getInputCols() == model.feature_name()
    assert got(stage.transform(df), "p") == expected(df, model, pred_contrib=True)
    assert "kind: kind of output" in stage.explainParams()
    with pytest.raises(TypeError):
        stage.setNumThreads("many")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected kind"):
        stage.setKind("other").transform(df)


@pytest.mark.parametrize("compact", [False, True])
def test_saved_in_a_pipeline(df: Any, model: fasttrees.Model, tmp_path: Path, compact: bool) -> None:
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import SQLTransformer

    from fasttrees.spark.ml import FastTreesModel

    if compact:
        model.save(tmp_path / "model.ft")
        model = fasttrees.load(tmp_path / "model.ft")
    doubled = SQLTransformer(statement=f"SELECT *, 2 * {model.feature_name()[0]} AS doubled FROM __THIS__")
    columns = ["doubled", *model.feature_name()[1:]]
    stage = FastTreesModel(model, inputCols=columns, predictionCol="p", kind="raw", numThreads=1)
    fitted = Pipeline(stages=[doubled, stage]).fit(df)
    path = str(tmp_path / "pipeline")
    fitted.write().save(path)
    loaded = PipelineModel.load(path)
    again = loaded.stages[1]
    assert isinstance(again, FastTreesModel)
    assert again.uid == stage.uid
    assert again.extractParamMap() == stage.extractParamMap()
    assert again.model.objective == model.objective
    if not compact:
        assert again.model.model_to_string() == model.model_to_string()
    assert got(loaded.transform(df), "p") == got(fitted.transform(df), "p")
    assert loaded.transform(df).columns == [*df.columns, "doubled", "p"]
    loaded.write().overwrite().save(path)
    assert got(PipelineModel.load(path).transform(df), "p") == got(fitted.transform(df), "p")
    with pytest.raises(Exception, match="already exists"):
        stage.save(str(Path(path, "stages", f"1_{stage.uid}")))


def test_a_stage_of_another_class(df: Any, tmp_path: Path) -> None:
    from pyspark.ml.feature import SQLTransformer

    from fasttrees.spark.ml import FastTreesModel

    SQLTransformer(statement="SELECT * FROM __THIS__").save(str(tmp_path / "other"))
    with pytest.raises(InputError, match=r"expected a saved fasttrees\.spark\.ml\.FastTreesModel, got "):
        FastTreesModel.load(str(tmp_path / "other"))
