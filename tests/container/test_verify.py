"""``fasttrees verify --image``: the container's predictions beside LightGBM's."""

from __future__ import annotations

from fasttrees.verification import Target, verify
from tests.support.containers import IMAGE
from tests.support.paths import FLIGHTS


def test_the_container_s_predictions_are_lightgbm_s() -> None:
    target = Target(image=IMAGE, network="host")
    model, rows = str(FLIGHTS / "model.txt"), str(FLIGHTS / "rows.csv")
    found = verify(model, rows, target=target)
    assert found.passed
    assert found.target == f"container of {IMAGE}"
    # Its C library's exponential may be another: docs/how-to/serving.md. Raw scores are equal everywhere.
    found = verify(model, rows, target=target, raw_score=True)
    assert found.n_same == 10_000
