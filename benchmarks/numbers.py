"""``python -m benchmarks.numbers [OTHER]`` times the hand-written routines that read numbers.

Without OTHER, numbers.cpp compares each with ``std::from_chars``. OTHER is the ``src`` folder of another build, such as
one whose routines give up at once, so that the library reads every number: then parsing CSV and loading a model are
compared, the builds in turn, each in a process of its own. Medians and their ratio are printed. A routine stays if it
gains 1.3 times where it is used, for one kind of input at least. The routine that reads backwards waits for each number
in numbers.cpp, as it does not in the parser: judge it by CSV. Writing uses ``std::to_chars`` alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TURNS = 7
N_ROWS, N_COLUMNS = 100_000, 28

WORKER = f"""
import json, sys, time
import numpy as np
import fasttrees
from fasttrees._textio.csv import RowParser

rng = np.random.default_rng(1)
rows = rng.normal(size=({N_ROWS}, {N_COLUMNS}))
seconds = {{}}

def measure(title, work):
    times = []
    for _ in range(3):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    seconds[title] = min(times)

for title, digits in (("CSV, 3 decimals", "%.3f"), ("CSV, 6 digits", "%.6g"), ("CSV, 17 digits", "%.17g")):
    text = "\\n".join(",".join(digits % value for value in row) for row in rows[:20_000].tolist()).encode() + b"\\n"
    parser = RowParser(range({N_COLUMNS}))
    measure(title, lambda: parser.parse(text))
model = open(sys.argv[1], "rb").read()
measure("model.txt", lambda: fasttrees.loads(model))
print(json.dumps(seconds))
"""


def run(source: Path, model: Path) -> dict[str, float]:
    """Return the CPU seconds of each task by one build."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(model)], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run_routines() -> None:
    """Compile and run numbers.cpp."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "numbers"
        source = Path(__file__).with_suffix(".cpp")
        subprocess.run(["g++", "-std=c++17", "-O3", f"-I{ROOT / 'src'}", source, "-o", program], check=True)
        subprocess.run([program], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numbers", description=__doc__)
    parser.add_argument("other", type=Path, nargs="?", help="src folder of the other build")
    parser.add_argument("--model", type=Path, default=ROOT / "examples" / "flights" / "model.txt")
    arguments = parser.parse_args()
    if arguments.other is None:
        run_routines()
        return
    turns = [(run(ROOT / "src", arguments.model), run(arguments.other, arguments.model)) for _ in range(TURNS)]
    for title in turns[0][0]:
        ours, other = (statistics.median(turn[i][title] for turn in turns) for i in (0, 1))
        print(f"{title:20} {ours:8.4f} s  {other:8.4f} s  {other / ours:5.2f}")


if __name__ == "__main__":
    main()
