"""``fasttrees info``: what a model is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import fasttrees

__all__ = ["add_command", "describe"]

MAX_NAMES = 20  # features named in the text form


def add_command(commands: Any) -> None:
    """Add ``info`` to the commands."""
    parser = commands.add_parser("info", help="say what a model is", allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="model.txt that LightGBM wrote, or a compact file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print a description of a model."""
    description = describe(args.model)
    text = json.dumps(description, indent=2) if args.json else _as_text(description)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def describe(path: str) -> dict[str, Any]:
    """Collect a description of a model file, as ``--json`` prints them.

    Parameters
    ----------
    path : str

    Returns
    -------
    dict
        The keys are described in docs/reference/command-line.md.
    """
    model = fasttrees.load(path)
    names = model.feature_name()
    numerical, categorical = model.features_used()
    return {
        "file": path,
        "file_bytes": os.stat(path).st_size,
        "format_version": model.version,
        "objective": model.objective,
        "average_output": model.average_output,
        "num_class": model.num_class,
        "num_iterations": model.current_iteration(),
        "num_trees": model.num_trees(),
        "num_leaves": model.num_leaves,
        "num_features": model.num_feature(),
        "features_used": [names[i] for i in sorted(numerical | categorical)],
        "categorical_features_used": [names[i] for i in sorted(categorical)],
        "memory_bytes": model.nbytes,
    }


def _as_text(description: dict[str, Any]) -> str:
    used, categorical = description["features_used"], description["categorical_features_used"]
    lines = {
        "file": f"{description['file']} ({_as_size(description['file_bytes'])})",
        "format version": description["format_version"] or "none",
        "objective": description["objective"] or "none: predictions are raw scores",
        "output": "mean of the trees (random forest)" if description["average_output"] else "sum of the trees",
        "classes": description["num_class"],
        "iterations": description["num_iterations"],
        "trees": description["num_trees"],
        "leaves": description["num_leaves"],
        "features": f"{description['num_features']}, {len(used)} used, {len(categorical)} of them categorical",
        "memory": _as_size(description["memory_bytes"]),
    }
    if used and len(used) <= MAX_NAMES:
        lines["features used"] = ", ".join(name + " (categorical)" * (name in categorical) for name in used)
    return "\n".join(f"{name + ':':<16}{value}" for name, value in lines.items())


def _as_size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes} bytes"
