"""The configuration file that ``fasttrees pipeline init`` writes: every key with its default and its description."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from fasttrees.pipeline.config import Config

__all__ = ["template"]

WIDTH = 110


def template(values: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Write a configuration file.

    Parameters
    ----------
    values : mapping of str to mapping, or None
        Section and key to a value that is not the default.

    Returns
    -------
    str
        TOML.
    """
    values = values or {}
    lines = ["# A pipeline of fasttrees; `fasttrees pipeline run` does all its steps. Paths are relative to this file."]
    for name, field in Config.model_fields.items():
        section = field.annotation
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        lines += ["", *_comment(section.__doc__ or ""), f"[{name}]"]
        tables = []
        for key, entry in section.model_fields.items():
            lines_of_key = _comment(entry.description or "")
            value = values.get(name, {}).get(key, entry.default)
            if isinstance(value, dict):  # a table of its own, which must follow the plain keys
                tables += ["", *lines_of_key, f"[{name}.{key}]"]
                tables += [f"{_key(inner)} = {_value(value[inner])}" for inner in value]
            else:
                lines += [*lines_of_key, f"{key} = {_value(value)}"]
        lines += tables
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH)]


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    """Write strings, numbers, booleans and lists of them; JSON writes them as TOML does."""
    return json.dumps(value, ensure_ascii=False)
