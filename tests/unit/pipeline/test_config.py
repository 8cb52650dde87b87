"""The configuration file: what is written reads back, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomllib
from pydantic import BaseModel

from fasttrees.pipeline import Config, ConfigError, template


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "pipeline.toml"
    path.write_text(text, encoding="utf-8")
    return Config.load(path)


def test_template_holds_every_key_with_its_default() -> None:
    table = tomllib.loads(template())
    assert Config.model_validate(table) == Config()
    for name, field in Config.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        assert table[name].keys() == field.annotation.model_fields.keys()


def test_template_takes_values(tmp_path: Path) -> None:
    raw = ['with "quotes".csv', "back\\slash.csv", "ação.csv"]
    config = load(tmp_path, template({"prepare": {"raw": raw, "target": "y"}}))
    assert config.prepare.raw == raw
    assert config.prepare.target == "y"
    assert config.raw_files == [tmp_path / name for name in raw]


def test_every_line_of_the_template_is_short() -> None:
    assert max(map(len, template().splitlines())) <= 120


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "pipeline.toml").write_text('[pipeline]\ndirectory = "work"\n')
    config = Config.load("../pipeline.toml")
    assert config.folder.resolve() == tmp_path / "work" / "local"
    assert config.prepared_folder.resolve() == tmp_path / "work" / "prepared"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[other]\na = 1", "other: no such key"),
        ("[prepare]\ntraget = 'y'", "prepare.traget: no such key"),
        ("[prepare]\ntest_fraction = 2", "prepare.test_fraction: expected less than 1, got 2"),
        ("[prepare]\nseed = 'one'", "prepare.seed: expected"),
        ("[prepare]\nsplit = 'time'", "prepare: split_column: split = 'time' needs one"),
        ("[prepare]\nsplit_column = 'day'", "prepare: split_column: split = 'random' needs none"),
        ("[prepare]\nraw = []", "prepare.raw: expected"),
        ("[prepare]\ntest_fraction = 0.6\nvalidation_fraction = 0.4", "expected less than 1, or no rows are left"),
        ("[pipeline]\nproject = 'two words'", "pipeline.project: expected"),
        ("[pipeline]\nproject = 'Capital'", "pipeline.project: expected"),
        ("[pipeline]\nproject = 'a-b-c-d-e-f-g-h-i-j-k'", "pipeline.project: expected String should have at most 20"),
        ("[pipeline]\nbackend = 'cloud'", "pipeline.backend: expected 'local' or 'aws', got 'cloud'"),
        ("[pipeline]\nbackend = 'aws'", "aws.bucket: expected a value"),
        ("[aws]\nsubnets = ['subnet-1']", "aws: subnets and security_groups: expected both or none"),
        ("[train]\ninstance_type = 'c5.large'", "train.instance_type: expected"),
        ("[prepare\n", "(at line 1"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert str(tmp_path / "pipeline.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file; `fasttrees pipeline init` writes one"):
        Config.load(tmp_path / "none.toml")


def test_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"pipeline\.toml"):
        Config.load(tmp_path / "pipeline.toml")


def test_names_of_all_that_is_created_fit_into_those_of_sagemaker(tmp_path: Path) -> None:
    """63 characters: API, CreateTrainingJob. Jobs add a digest and an attempt, models a digest."""
    longest = "a-" * 9 + "ab"
    config = load(tmp_path, f"[pipeline]\nproject = '{longest}'\nexperiment = '{longest}'")
    assert len(f"{config.pipeline.project}-{config.pipeline.experiment}-12345678-1234") <= 63


def test_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff[prepare]\r\ntarget = 'y'\r\n").prepare.target == "y"
