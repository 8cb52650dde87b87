"""Says on what a benchmark ran."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe_system() -> str:
    """Return processor, number of CPUs, system, C library and Python."""
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} CPUs, {platform.system()} {platform.machine()}, "
        f"{' '.join(platform.libc_ver())}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
