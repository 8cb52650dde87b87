"""The usual way to serve a LightGBM model on SageMaker: Flask, pandas.read_csv, Booster.predict. CSV in, CSV out."""

from __future__ import annotations

import io
import os

import lightgbm
import numpy as np
import pandas as pd
from flask import Flask, Response, request

MODEL_PATH = os.environ.get("MODEL_PATH", "/opt/ml/model/model.txt")

booster = lightgbm.Booster(model_file=MODEL_PATH)
n_features = booster.num_feature()


def ping() -> Response:
    return Response(status=200)


def invocations() -> Response:
    if request.mimetype != "text/csv":
        return refuse(415, f"content type {request.mimetype!r}; expected text/csv")
    try:
        rows = pd.read_csv(io.BytesIO(request.get_data(cache=False)), header=None).to_numpy(np.float64)
    except ValueError as error:  # of pandas too: ParserError and EmptyDataError
        return refuse(400, str(error))
    if rows.shape[1] != n_features:
        return refuse(400, f"{rows.shape[1]} columns; the model has {n_features} features")
    return Response(to_csv(np.asarray(booster.predict(rows, num_threads=1))), mimetype="text/csv")


def to_csv(predictions: np.ndarray) -> str:
    values = predictions.tolist()
    lines = map(repr, values) if predictions.ndim == 1 else (",".join(map(repr, row)) for row in values)
    return "\n".join(lines) + "\n"


def refuse(status: int, problem: str) -> Response:
    return Response(problem + "\n", status, mimetype="text/plain")


app = Flask(__name__)
app.add_url_rule("/ping", view_func=ping)
app.add_url_rule("/invocations", view_func=invocations, methods=["POST"])
