"""The engines by name: the module in ``benchmarks/engines``, and how they are shown and installed."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "fasttrees"
REFERENCE = "lightgbm"


@dataclass(frozen=True)
class Engine:
    title: str
    distribution: str
    requirements: str  # name of its file in benchmarks/requirements and of its virtual environment
    compiles: bool = False  # makes machine code of each model


ENGINES = {
    OURS: Engine("fasttrees", "fasttrees-lightgbm", "fasttrees"),
    REFERENCE: Engine("LightGBM", "lightgbm", "lightgbm"),
    "pylignum": Engine("pylignum", "pylignum", "pylignum"),
    "onnx": Engine("ONNX Runtime", "onnxruntime", "onnx"),
    "daal": Engine("daal4py", "scikit-learn-intelex", "daal"),
    "pylignum_compiled": Engine("pylignum compiled", "pylignum", "pylignum", compiles=True),
    "lleaves_compiled": Engine("lleaves", "lleaves", "lleaves", compiles=True),
    "tl2cgen_compiled": Engine("tl2cgen", "tl2cgen", "tl2cgen", compiles=True),
}
