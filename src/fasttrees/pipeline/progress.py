"""How a step reports what it does; see :mod:`fasttrees._runtime.progress`."""

from fasttrees._runtime.progress import Progress, Silent

__all__ = ["Progress", "Silent"]
