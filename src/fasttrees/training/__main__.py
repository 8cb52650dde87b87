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
    received: set[int] = set()

    def record(signum: int, frame: FrameType | None) -> None:
        # An exception raised here would be lost if it came while LightGBM's library calls Python to log.
        if signum == signal.SIGINT and signum in received:
            raise KeyboardInterrupt
        received.add(signum)

    def should_stop() -> bool:
        if signal.SIGINT in received:
            raise KeyboardInterrupt
        return signal.SIGTERM in received

    signal.signal(signal.SIGTERM, record)
    signal.signal(signal.SIGINT, record)
    try:
        return run_training(arguments.root, should_stop)
    except KeyboardInterrupt:
        print("fasttrees.training: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
