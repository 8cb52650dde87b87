"""What describing a model costs beside LightGBM, and what keeping its text costs those who only predict.

    python -m benchmarks.dropin.face MODEL.txt... --json face.json

Milliseconds, medians of calls that alternate.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm

import fasttrees
from benchmarks.machine import describe_system

QUESTIONS = ("model_to_string", "dump_model", "feature_importance", "trees_to_dataframe", "lower_bound")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    found = {path.stem: measure(path, args.repeats) for path in args.models}
    for name, figures in found.items():
        print(f"\n{name}: {figures['text_bytes']:,} bytes of text, {figures['model_bytes']:,} in memory")
        for what, (ours, theirs) in figures["milliseconds"].items():
            print(f"  {what:<22} {ours:>10.3f} {'' if theirs is None else format(theirs, '10.3f')}")
    if args.json:
        args.json.write_text(json.dumps({"machine": describe_system(), "models": found}, indent=1))


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """Time questions and copies of one model: of ours, and of LightGBM where it has the like."""
    text = path.read_bytes()
    model, by_text, booster = fasttrees.load(path), fasttrees.loads(text), lightgbm.Booster(model_file=path)
    turns: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
        question: (getattr(model, question), getattr(booster, question)) for question in QUESTIONS
    }
    turns["load"] = lambda: fasttrees.load(path), lambda: lightgbm.Booster(model_file=path)
    turns["loads"] = lambda: fasttrees.loads(text), lambda: lightgbm.Booster(model_str=text.decode())
    turns["pickle after load"] = lambda: pickle.dumps(model), lambda: pickle.dumps(booster)
    turns["pickle after loads"] = lambda: pickle.dumps(by_text), None
    turns["compressing the text"] = lambda: zlib.compress(text, 1), None
    return {
        "text_bytes": len(text),
        "model_bytes": model.nbytes,
        "pickle_bytes": {"after load": len(pickle.dumps(model)), "after loads": len(pickle.dumps(by_text))},
        "milliseconds": {what: alternate(ours, theirs, repeats) for what, (ours, theirs) in turns.items()},
    }


def alternate(ours: Callable[[], Any], theirs: Callable[[], Any] | None, repeats: int) -> tuple[float, float | None]:
    times: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        for call, seen in zip((ours, theirs), times, strict=True):
            if call is not None:
                begin = time.perf_counter()
                call()
                seen.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1]) if theirs is not None else None


if __name__ == "__main__":
    main()
