"""Loading and first predictions: text models, compact files, and pylignum's ``save``, each in fresh processes.

``python -m benchmarks.dropin.ft MODEL...`` prints a table and writes JSON. Times are medians over processes that take
turns; a process imports its library and numpy, then loads the model and scores rows, each timed on its own. Memory is
what each of several processes that hold the same model takes of it in proportional shares (PSS).
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.environments import BUILD, python_of
from benchmarks.machine import describe_system

N_ROWS = [1, 10_000]
N_PROCESSES = 4
FORMS = {
    "fasttrees, text": ("fasttrees", ".txt"),
    "fasttrees, compact": ("fasttrees", ".ft"),
    "pylignum, text": ("lignum", ".txt"),
    "pylignum, save": ("lignum", ".bin"),
}
SAVE = """
import sys, {library} as library
library.load(sys.argv[1]).save(sys.argv[2])
"""
MEASURE = """
import json, sys, time
import numpy, {library} as library
n_rows, n_features = int(sys.argv[2]), int(sys.argv[3])
rows = numpy.random.default_rng(0).normal(size=(n_rows, n_features))
def pss():
    return sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Pss:")) * 1024
def predict():
    return model.predict(rows, n_jobs=1) if {is_lignum} else model.predict(rows, n_threads=1)
for answer in (lambda: 0, pss):
    sys.stdin.readline()
    print(answer(), flush=True)
sys.stdin.readline()
times = [time.perf_counter()]
model = library.load(sys.argv[1])
times.append(time.perf_counter())
predict()
times.append(time.perf_counter())
predict()
times.append(time.perf_counter())
print(json.dumps([end - begin for begin, end in zip(times, times[1:])]), flush=True)
sys.stdin.readline()
print(pss(), flush=True)
sys.stdin.readline()
"""


class Process:
    """A process that answers lines: 0, its memory without the model, times in seconds, its memory with it."""

    def __init__(self, python: Path, library: str, path: Path, n_rows: int, n_features: int) -> None:
        code = MEASURE.format(library=library, is_lignum=library == "lignum")
        command = [str(python), "-c", code, str(path), str(n_rows), str(n_features)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self._child.communicate("")

    def ask(self) -> Any:
        """Let it go on to its next answer."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        print(file=self._child.stdin, flush=True)
        return json.loads(self._child.stdout.readline())


def measure(path: Path, pythons: dict[str, Path], folder: Path, n_turns: int) -> dict[str, Any]:
    """Measure one text model in all forms."""
    match = re.search(r"^max_feature_idx=(\d+)$", path.read_text(errors="replace"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{path}: no text model")
    n_features = int(match.group(1)) + 1
    files = {}
    for form, (library, ending) in FORMS.items():
        files[form] = path if ending == ".txt" else folder / f"{path.stem}{ending}"
        if ending != ".txt":
            code = SAVE.format(library=library)
            subprocess.run([pythons[library], "-c", code, path, files[form]], check=True)
    result: dict[str, Any] = {form: {"file": files[form].stat().st_size} for form in FORMS}
    for n_rows in N_ROWS:
        turns: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
        for _ in range(n_turns):
            for form, (library, _ending) in FORMS.items():
                with Process(pythons[library], library, files[form], n_rows, n_features) as process:
                    for _ in range(2):
                        process.ask()
                    turns[form].append(dict(zip(("load", "first", "second"), process.ask(), strict=True)))
        for form, times in turns.items():
            result[form][str(n_rows)] = {key: statistics.median(turn[key] for turn in times) for key in times[0]}
    for form, (library, _ending) in FORMS.items():
        with ExitStack() as stack:
            processes = [
                stack.enter_context(Process(pythons[library], library, files[form], N_ROWS[-1], n_features))
                for _ in range(N_PROCESSES)
            ]
            # All take each step before the next, for what they share costs each the less the more have it.
            _, before, _, after = ([process.ask() for process in processes] for _ in range(4))
            result[form]["pss"] = [end - begin for begin, end in zip(before, after, strict=True)]
    return result


def print_table(name: str, result: dict[str, Any]) -> None:
    """Print a model's results, times in milliseconds."""
    print(f"\n{name}\n")
    print("| | file, MB | load | first row | load + row | again | first 10,000 | again | PSS each of 4, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for form, found in result.items():
        row, batch = ({key: 1e3 * value for key, value in found[str(n)].items()} for n in N_ROWS)
        print(
            f"| {form} | {found['file'] / 1e6:.1f} | {row['load']:.2f} | {row['first']:.2f} "
            f"| {row['load'] + row['first']:.2f} | {row['second']:.3f} | {batch['first']:.1f} | {batch['second']:.1f} "
            f"| {statistics.mean(found['pss']) / 1e6:.1f} |"
        )


def main() -> None:
    """Measure the models of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, help="text models")
    parser.add_argument("--turns", type=int, default=7, help="processes for each time")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="Python with fasttrees and numpy")
    parser.add_argument("--pylignum", type=Path, help="Python with pylignum; default: an environment is made")
    parser.add_argument("--output", type=Path, default=BUILD / "dropin-ft.json")
    args = parser.parse_args()
    pythons = {"fasttrees": args.python, "lignum": args.pylignum or python_of("pylignum")}
    folder = BUILD / "dropin"
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for path in args.models:
        results[path.stem] = measure(path, pythons, folder, args.turns)
        print_table(path.stem, results[path.stem])
    args.output.write_text(json.dumps({"system": describe_system(), "models": results}, indent=1))
    print(f"\n{describe_system()}; written to {args.output}")


if __name__ == "__main__":
    main()
