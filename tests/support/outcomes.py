"""What a call of ``predict`` comes to, fasttrees' or LightGBM's, so that the two compare."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import lightgbm

__all__ = ["outcome"]


def outcome(predict: Any, data: Any, **arguments: Any) -> Any:
    """The result's dtype, shape and bytes, or what kind of error came."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        try:
            result = predict(data, **arguments)
        except (ValueError, TypeError, lightgbm.basic.LightGBMError) as error:
            return TypeError if isinstance(error, TypeError) else ValueError
    return result.dtype, result.shape, result.tobytes()
