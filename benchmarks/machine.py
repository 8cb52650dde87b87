"""Describe the machine that a benchmark runs on."""

from __future__ import annotations

from fasttrees.comparison.machine import describe_machine


def describe_system() -> str:
    """Return processor, number of CPUs, system, C library and Python."""
    machine = describe_machine()
    return f"{machine.processor}, {machine.cpus} CPUs, {machine.system}, Python {machine.python}"
