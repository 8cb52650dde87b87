"""Says on what a benchmark ran."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import lightgbm
import numpy as np

import fasttrees
from fasttrees._engine import usable_builds


def describe_machine() -> str:
    """Return one paragraph: processor, system, versions."""
    return (
        f"Machine: {_processor()}, {len(os.sched_getaffinity(0))} CPUs, {platform.system()} {platform.machine()},\n"
        f"{' '.join(platform.libc_ver())}, Python {platform.python_version()}, numpy {np.__version__}, lightgbm "
        f"{lightgbm.__version__}, fasttrees\n{fasttrees.__version__} (builds {', '.join(usable_builds())})."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
