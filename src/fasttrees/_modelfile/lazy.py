"""Attributes of a model that its compact file is read for when they are first needed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAGIC", "LazyAttribute", "is_compact"]

MAGIC = b"\x89FTREE\r\n"  # no text begins so, and what rewrites line ends damages it


def is_compact(start: bytes) -> bool:
    """Return whether a model is a compact file rather than text, by its first bytes."""
    return start.startswith(MAGIC)


class LazyAttribute:
    """An attribute whose first use opens the model's compact file."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type) -> Any:
        if model is None:
            return self
        model._evaluator, model._header = model._open()  # which are found before this from now on
        return model.__dict__[self.name]
