"""What docs/how-to/shard.md says of options and of the manifest is true."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from fasttrees.cli import main
from fasttrees.sharding import Manifest, Options, Part, Source
from tests.support.paths import DOCS

TEXT = (DOCS / "how-to" / "shard.md").read_text()


@pytest.mark.parametrize("command", ["shard", "gather"])
def test_every_option_is_described(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    options = set(re.findall(r"(?<=[\s,])--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    (section,) = re.findall(rf"## `fasttrees {command}.*?(?=\n## )", TEXT, re.DOTALL)
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert options - {"--output"} == {option for row in rows for option in re.findall(r"--[a-z-]+", row)}


def test_the_manifest_has_these_keys() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    keys = set(re.findall(r'"(\w+)":', block))
    assert keys == {"version", "rows", "bytes"} | {
        field.name for cls in (Manifest, Options, Part, Source) for field in fields(cls)
    }
