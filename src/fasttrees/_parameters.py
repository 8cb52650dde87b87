"""LightGBM's parameters of prediction, as ``Booster.predict`` takes them for further keywords."""

from __future__ import annotations

import warnings

from fasttrees.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Parameters"]

ALIASES = {
    "is_predict_early_stop": "pred_early_stop",  # SEAM early stop: complete from LightGBM's alias table, with a test
    "num_thread": "num_threads",
    "nthread": "num_threads",
    "nthreads": "num_threads",
    "n_jobs": "num_threads",
}


class Parameters:
    """What the keywords ask for.

    Attributes
    ----------
    pred_early_stop : bool
    pred_early_stop_freq : int
    pred_early_stop_margin : float
    predict_disable_shape_check : bool
    precise_float_parser : bool
    num_threads : int or None
    """

    pred_early_stop = False
    pred_early_stop_freq = 10
    pred_early_stop_margin = 10.0
    predict_disable_shape_check = False
    precise_float_parser = False
    num_threads: int | None = None

    @classmethod
    def read(cls, keywords: Mapping[str, Any]) -> Parameters:
        """Read keywords; a name that is no parameter of prediction gets a warning, as LightGBM gives one.

        Raises
        ------
        InputError
            If a value is none that the parameter can have.
        """
        parameters = cls()
        for keyword, value in keywords.items():
            name = ALIASES.get(keyword, keyword)
            if not hasattr(cls, name) or name == "read":
                warnings.warn(f"Unknown parameter: {keyword}", stacklevel=3)
                continue
            if name.startswith("pred_early_stop_") or name == "num_threads":
                setattr(parameters, name, value)
            elif value in (True, False, "true", "false", "+", "-"):
                setattr(parameters, name, value in (True, "true", "+"))
            else:
                raise InputError(f"{keyword}: expected a bool, got {value!r}")
        if not parameters.num_threads:  # LightGBM's default 0: all
            parameters.num_threads = None
        return parameters
