"""What docs/how-to/pipeline.md says of the configuration is true of it."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from fasttrees.pipeline import Config
from tests.support.paths import DOCS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = (DOCS / "how-to" / "pipeline.md").read_text()
BLOCKS = [re.sub(r"(?m)^   ", "", block) for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)]


def test_every_section_is_described() -> None:
    rows = set(re.findall(r"^\| `\[(\w+)\]` \|", TEXT, re.MULTILINE))
    assert set(Config.model_fields) <= rows


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_are_configurations(block: str) -> None:
    table: dict[str, Any] = tomllib.loads(block)
    config = Config.model_validate(table)
    assert all(getattr(config, section).model_fields_set == set(table[section]) for section in table)


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 2
