"""The training image's program: ``python -m fasttrees.training [--root /opt/ml] train``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from fasttrees._sagemaker.contract import ROOT
from fasttrees.training.program import run_training


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="fasttrees.training", description="Train a LightGBM model for SageMaker.")
    parser.add_argument("--root", type=Path, default=Path(ROOT), help=f"folder of the contract (default {ROOT})")
    parser.add_argument("command", choices=["train", "serve"])
    arguments = parser.parse_args()
    if arguments.command == "serve":
        print("fasttrees.training: error: this image trains; the image fasttrees-serve serves", file=sys.stderr)
        return 1
    got: set[int] = set()

    def keep(signum: int, frame: FrameType | None) -> None:
        # An exception from here would be lost where LightGBM's library calls Python, to log.
        if signum == signal.SIGINT and signum in got:
            raise KeyboardInterrupt
        got.add(signum)

    def stopping() -> bool:
        if signal.SIGINT in got:
            raise KeyboardInterrupt
        return signal.SIGTERM in got

    signal.signal(signal.SIGTERM, keep)
    signal.signal(signal.SIGINT, keep)
    try:
        return run_training(arguments.root, stopping)
    except KeyboardInterrupt:
        print("fasttrees.training: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
