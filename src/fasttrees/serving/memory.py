"""How much memory this process may still take."""

from __future__ import annotations

import sys

__all__ = ["available_memory"]


def available_memory(root: str = "/sys/fs/cgroup", meminfo: str = "/proc/meminfo") -> int:
    """Return the bytes that the machine and the container's control group still have.

    A container sees its own group as the root (version 2), or its memory controller there (version 1).
    """
    free = [_meminfo(meminfo)]
    for limit, usage, statistics, inactive in (
        ("memory.max", "memory.current", "memory.stat", b"inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", b"total_inactive_file"),
    ):
        most, used = _number(f"{root}/{limit}"), _number(f"{root}/{usage}")
        if most is not None and used is not None:
            # The page cache counts as used, but gives way.
            free.append(most - used + _entry(f"{root}/{statistics}", inactive, b" "))
    return max(0, min(free))


def _meminfo(path: str) -> int:
    kilobytes = _entry(path, b"MemAvailable", b":")
    return kilobytes * 1024 if kilobytes else sys.maxsize


def _number(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            text = file.read().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _entry(path: str, name: bytes, separator: bytes) -> int:
    try:
        with open(path, "rb") as file:
            for line in file:
                key, _, value = line.partition(separator)
                if key == name:
                    return int(value.split()[0])
    except OSError:
        pass
    return 0
