"""Tests with real engines: `make test-engines` installs them all; elsewhere those that are installed are tested."""

from __future__ import annotations

import os
from importlib.util import find_spec

ENGINES = {"dask": "dask", "ray": "ray", "spark": "pyspark"}

# Where all are to be there, a missing one is an error of its tests, not a reason to leave them out.
collect_ignore = [
    folder for folder, module in ENGINES.items() if "FASTTREES_ALL_ENGINES" not in os.environ and not find_spec(module)
]
