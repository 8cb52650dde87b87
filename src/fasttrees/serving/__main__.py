"""What the container runs: ``python -m fasttrees.serving serve``."""

from __future__ import annotations

import os
import signal
import sys

from fasttrees._sagemaker.contract import FAILURE_FILE
from fasttrees.errors import FastTreesError

USAGE = "usage: serve; all settings come from environment variables"
NO_TRAINING = "this image serves LightGBM models; it does not train: use a training image, such as one with lightgbm"


def main(arguments: list[str]) -> int:
    """Run the container's command; return the process's status."""
    if arguments == ["serve"]:
        # TLS ends before it reaches a container. asyncio does without where it cannot import it; that saves megabytes.
        sys.modules["ssl"] = None  # type: ignore[assignment]

        from fasttrees.serving.server import serve
        from fasttrees.serving.settings import Settings

        # The first process of a container ignores SIGTERM unless told otherwise, also while it fetches the model.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        try:
            return serve(Settings.from_environment(os.environ))
        except (FastTreesError, OSError) as error:
            return fail(str(error))
    if arguments == ["train"]:
        try:
            with open(FAILURE_FILE, "w", encoding="utf-8") as file:
                file.write(NO_TRAINING)
        except OSError:
            pass  # not started by SageMaker
        return fail(NO_TRAINING)
    print(f"{USAGE}; got {' '.join(arguments) or 'nothing'}", file=sys.stderr)
    return 2


def fail(problem: str) -> int:
    """Print in one line why the process ends."""
    print(f"fasttrees: error: {' '.join(problem.split())}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
