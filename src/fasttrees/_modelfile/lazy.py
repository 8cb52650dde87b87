"""What every model needs of compact files: to tell them from texts, and attributes that wait until they are needed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAGIC", "Opened", "is_compact"]

MAGIC = b"\x89FTREE\r\n"  # no text begins so, and what rewrites line ends damages it


def is_compact(start: bytes) -> bool:
    """Tell a compact file from a text model by its first bytes."""
    return start.startswith(MAGIC)


class Opened:
    """An attribute of a model that its compact file is opened for: when it is first needed."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type) -> Any:
        if model is None:
            return self
        model._evaluator, model._facts = model._open()  # from now on found before this
        return model.__dict__[self.name]
