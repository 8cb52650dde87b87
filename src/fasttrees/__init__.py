"""fasttrees scores LightGBM models bit for bit, without lightgbm.

>>> import fasttrees
>>> model = fasttrees.load("model.txt")
>>> predictions = model.predict(rows)
"""

from fasttrees.errors import CsvError as CsvError
from fasttrees.errors import FastTreesError as FastTreesError
from fasttrees.errors import InputError as InputError
from fasttrees.errors import InputTypeError as InputTypeError
from fasttrees.errors import ModelFormatError as ModelFormatError
from fasttrees.errors import ModelTextError as ModelTextError
from fasttrees.model import Model as Model
from fasttrees.model import load as load
from fasttrees.model import loads as loads

__version__ = "0.1.0"

__all__ = [
    "CsvError",
    "FastTreesError",
    "InputError",
    "InputTypeError",
    "Model",
    "ModelFormatError",
    "ModelTextError",
    "__version__",
    "load",
    "loads",
]
