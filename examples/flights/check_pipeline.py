"""Compares what the pipeline's Batch Transform answered with LightGBM's predictions of its model, bit for bit.

``python check_pipeline.py`` after ``fasttrees pipeline run --config pipeline.toml``; it exits with status 1 if any
number differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lightgbm
import numpy as np

from fasttrees import pipeline


def main() -> None:
    """Score the test rows with LightGBM, in the order of their files, and compare."""
    config = pipeline.Config.load(Path(__file__).with_name("pipeline.toml"))
    booster = lightgbm.Booster(model_file=pipeline.train(config).model_uri)
    parts = [config.prepared_folder / name for name in pipeline.prepare(config).features]
    rows = np.concatenate([np.genfromtxt(part, delimiter=",") for part in parts])
    expected = np.asarray(booster.predict(rows))
    answered = np.genfromtxt(pipeline.transform(config).joined, delimiter=",", skip_header=1)[:, 1]
    if len(answered) != len(expected):
        sys.exit(f"expected {len(expected):,} answers, got {len(answered):,}")
    equal = int((answered.view(np.uint64) == expected.view(np.uint64)).sum())
    print(f"{len(expected):,} answers of the Batch Transform compared with LightGBM, {equal:,} equal bit for bit")
    sys.exit(equal != len(expected))


if __name__ == "__main__":
    main()
