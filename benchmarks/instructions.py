"""Count instructions with callgrind: the same figures every time, however busy the machine, to compare changes by.

The count of a call is the difference between a run with more calls and one with fewer, over the calls. Valgrind knows
no AVX-512, so the AVX2 build is counted where the processor has AVX2.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.catalogue import OURS
from benchmarks.environments import ROOT
from benchmarks.preparing import train
from benchmarks.workers import EngineError, Engines

# shown name: what benchmarks.counted calls, the model, and the rows of a call
KERNELS = {
    "numerical, a row": ("batch", "binary-500x31", 2048),
    "categorical, a row": ("batch", "categorical-100x31", 2048),
    "large trees, a row": ("batch", "large-100x1023", 2048),
    "one row": ("one-row", "binary-100x31", 256),
    "load": ("load", "binary-100x31", 1),
}
FEW, MORE = 1, 2


def count_instructions(engines: Engines) -> dict[str, Any]:
    """Count instructions per row, or per load, of each kernel."""
    if shutil.which("valgrind") is None:
        return {"error": "valgrind is not installed"}
    models = dict(zip(KERNELS, train([model for _, model, _ in KERNELS.values()]), strict=True))

    # The threads that numpy's algebra starts would spin for as many instructions as chance has it.
    environment = {**engines.environment(OURS), "OPENBLAS_NUM_THREADS": "1"}

    def count(name: str, calls: int) -> int:
        model, (kernel, _, n_rows) = models[name], KERNELS[name]
        with tempfile.NamedTemporaryFile() as out:
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", str(engines.pythons[OURS])]
            arguments = ["-m", "benchmarks.counted", kernel, str(calls), str(model.path), str(model.rows), str(n_rows)]
            done = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or found is None:
            raise EngineError(f"callgrind failed on {name}: {done.stderr[-200:]}")
        return int(found[1])

    jobs = [(name, calls) for name in KERNELS for calls in (FEW, MORE)]
    with ThreadPoolExecutor(2) as pool:  # other load does not change a count
        try:
            counts = dict(zip(jobs, pool.map(lambda job: count(*job), jobs), strict=True))
        except EngineError as error:
            return {"error": str(error)}
    return {
        name: round((counts[name, MORE] - counts[name, FEW]) / (MORE - FEW) / n_rows)
        for name, (_, _, n_rows) in KERNELS.items()
    }
