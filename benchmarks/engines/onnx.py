"""ONNX Runtime with the model that onnxmltools makes: thresholds, rows and scores are float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime


class Model:
    """The converted model; each number of threads takes an inference object of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runners: dict[int, onnxruntime.InferenceSession] = {}

    def runner(self, n_threads: int) -> onnxruntime.InferenceSession:
        if n_threads not in self.runners:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = n_threads
            options.inter_op_num_threads = 1
            self.runners[n_threads] = onnxruntime.InferenceSession(
                str(self.path), options, providers=["CPUExecutionProvider"]
            )
        return self.runners[n_threads]


def prepare(path: Path, prepared: Path) -> None:
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = lightgbm.Booster(model_file=path)
    inputs = [("rows", FloatTensorType([None, booster.num_feature()]))]
    converted = convert_lightgbm(booster, initial_types=inputs, zipmap=False, target_opset=15)
    (prepared / "model.onnx").write_bytes(converted.SerializeToString())


def load(path: Path, prepared: Path) -> Model:
    model = Model(prepared / "model.onnx")
    model.runner(1)
    return model


def predict(model: Model, rows: np.ndarray, n_threads: int = 1) -> np.ndarray:
    runner = model.runner(n_threads)
    scores: np.ndarray = runner.run([runner.get_outputs()[-1].name], {"rows": rows.astype(np.float32)})[0]
    return scores if scores.shape[1] > 2 else scores[:, -1]  # of two classes, the second
