"""Make the small models of this folder with lightgbm 4.7.0: ``python -m tests.data.models.make``, from the root."""

import lightgbm
import numpy as np

from tests.support.paths import MODELS

FOLDER = MODELS
ROWS = 300


def main() -> None:
    rng = np.random.default_rng(7)
    data = rng.normal(size=(ROWS, 5))
    data[:, 3] = rng.integers(0, 70, ROWS)
    data[rng.random((ROWS, 5)) < 0.1] = np.nan
    known = np.nan_to_num(data)
    score = known[:, 0] - known[:, 1] + 3 * (known[:, 3] % 7 > 3) + rng.normal(scale=0.3, size=ROWS)
    common = {"verbose": -1, "num_leaves": 6, "min_data_in_leaf": 5, "num_threads": 1, "seed": 1, "deterministic": True}
    models: dict[str, tuple[dict[str, object], np.ndarray, list[int]]] = {
        "numerical": ({"objective": "binary"}, score > 0, []),
        "categorical": ({"objective": "regression", "min_data_per_group": 5, "cat_smooth": 1}, score, [3]),
        "linear": ({"objective": "regression", "linear_tree": True}, score, []),
        "multiclass": ({"objective": "multiclass", "num_class": 3}, np.digitize(score, [-0.5, 0.8]), []),
        "forest": (
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
            score > 0,
            [],
        ),
    }
    for name, (parameters, label, categorical) in models.items():
        train_set = lightgbm.Dataset(data, label, categorical_feature=categorical, params={"verbose": -1})
        lightgbm.train({**common, **parameters}, train_set, 4).save_model(FOLDER / f"{name}.txt")


if __name__ == "__main__":
    main()
