"""Models and rows that the parity tests of inputs share."""

import numpy as np

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest"]
REAL = np.array([[0.1, -0.5, np.nan, 3.99, 1e-36], [1e300, 0.0, -np.inf, 2.0, 1e-40], [0.3, 0.7, 1.0, -0.5, 7.0]])
