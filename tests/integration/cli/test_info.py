"""``fasttrees info``: the facts of a model as text and as JSON."""

import json
from pathlib import Path

import pytest

import fasttrees
from fasttrees.cli import info, main
from tests.support.paths import DOCS, MODELS

NAMES = ["numerical", "categorical", "linear", "multiclass", "forest", "one_leaf"]
KEYS = [
    "file", "file_bytes", "format_version", "objective", "average_output", "num_class", "num_iterations", "num_trees",
    "num_leaves", "num_features", "features_used", "categorical_features_used", "memory_bytes",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = MODELS / f"{name}.txt"
    assert main(["info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    text = path.read_text()
    model = fasttrees.load(path)
    assert list(facts) == KEYS
    assert facts["file"] == str(path)
    assert facts["file_bytes"] == len(path.read_bytes())
    assert facts["num_trees"] == text.count("\nTree=") == facts["num_iterations"] * facts["num_class"]
    assert facts["num_class"] == (3 if name == "multiclass" else 1)
    assert facts["average_output"] == (name == "forest")
    assert facts["categorical_features_used"] == (["Column_3"] if name == "categorical" else [])
    assert set(facts["features_used"]) <= set(model.feature_name())
    assert facts["num_features"] == model.num_feature()
    assert facts["num_leaves"] == sum(int(line[11:]) for line in text.splitlines() if line.startswith("num_leaves="))
    assert facts["format_version"] == "v4"
    assert facts["objective"] == model.objective


def test_keys_are_documented() -> None:
    text = (DOCS / "reference" / "command-line.md").read_text()
    assert all(f"`{key}`" in text for key in KEYS)


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    path = MODELS / "categorical.txt"
    assert main(["info", str(path)]) == 0
    lines = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    lines = {key: value.strip() for key, value in lines.items()}
    assert lines["objective"] == "regression"
    assert lines["trees"] == "4"
    assert lines["output"] == "sum of the trees"
    assert lines["features"].startswith("5, ")
    assert "Column_3 (categorical)" in lines["features used"]
    assert main(["info", str(MODELS / "forest.txt")]) == 0
    assert "mean of the trees (random forest)" in capsys.readouterr().out


def test_many_names_are_left_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "MAX_NAMES", 1)
    assert main(["info", str(MODELS / "numerical.txt")]) == 0
    assert "features used" not in capsys.readouterr().out


def test_names_that_are_not_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.txt"
    text = (MODELS / "categorical.txt").read_bytes().replace(b"Column_3", b"Column_\xe9")
    path.write_bytes(text)
    assert main(["info", str(path)]) == 0
    assert "Column_\\udce9 (categorical)" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["categorical_features_used"] == ["Column_\udce9"]


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.txt"
    path.write_text("no model\n")
    assert main(["info", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fasttrees: error: {path}: ")
    assert len(err.splitlines()) == 1
    assert main(["info", str(tmp_path / "none.txt")]) == 1
    assert capsys.readouterr().err == f"fasttrees: error: {tmp_path / 'none.txt'}: No such file or directory\n"


def test_a_compact_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {}
    fasttrees.load(MODELS / "categorical.txt").save(tmp_path / "model.ft")
    for path in (MODELS / "categorical.txt", tmp_path / "model.ft"):
        assert main(["info", str(path), "--json"]) == 0
        facts[path.suffix] = json.loads(capsys.readouterr().out)
        assert facts[path.suffix].pop("file_bytes") == path.stat().st_size
        del facts[path.suffix]["file"], facts[path.suffix]["memory_bytes"]
    assert facts[".ft"] == facts[".txt"]
