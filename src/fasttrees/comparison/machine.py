"""Describe the machine that a comparison runs on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from fasttrees.comparison.results import Machine

__all__ = ["describe_machine"]


def describe_machine() -> Machine:
    """Describe this machine, and how busy it is."""
    return Machine(
        processor=_processor(),
        cpus=len(os.sched_getaffinity(0)),
        memory=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        python=platform.python_version(),
        load_before=os.getloadavg()[0],
        niceness=os.getpriority(os.PRIO_PROCESS, 0),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
