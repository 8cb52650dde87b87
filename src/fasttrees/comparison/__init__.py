"""Measure the usual Python container beside the server of this package, on a user's own model and rows.

docs/how-to/compare.md describes what is measured and how. Nothing is imported here: psutil, pydantic and matplotlib are
extras.
"""

__all__: list[str] = []
