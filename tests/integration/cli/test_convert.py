"""``fasttrees convert``: a text model as a compact file, and what is refused."""

from pathlib import Path

import pytest

from fasttrees.cli import main
from tests.support.paths import MODELS


def test_converted_models_score_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"{i % 7},{i},,{i % 40},1e{i % 30}\n" for i in range(300)))
    for name in ("numerical", "categorical", "linear"):
        text, compact = MODELS / f"{name}.txt", tmp_path / f"{name}.ft"
        assert main(["convert", str(text), str(compact)]) == 0
        assert capsys.readouterr() == ("", "")
        outputs = []
        for path in (text, compact):
            assert main(["predict", str(path), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "scores")]) == 0
            outputs.append((tmp_path / "scores").read_text())
        assert outputs[0] == outputs[1] != ""
        again = tmp_path / "again.ft"
        assert main(["convert", str(compact), str(again)]) == 0
        assert again.read_bytes() == compact.read_bytes()


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, compact = MODELS / "numerical.txt", tmp_path / "model.ft"
    assert main(["convert", str(text), str(compact)]) == 0
    damaged = bytearray(compact.read_bytes())
    damaged[-100] ^= 1
    compact.write_bytes(damaged)
    capsys.readouterr()
    for arguments, cause in [
        ((text, text), f"{text}: expected another file than the model, which would be lost"),
        ((tmp_path / "none", compact), f"{tmp_path / 'none'}: No such file or directory"),
        ((text, tmp_path / "none" / "a.ft"), f"{tmp_path / 'none' / 'a.ft'}: No such file or directory"),
        ((compact, tmp_path / "again.ft"), f"{compact}: key '"),
    ]:
        assert main(["convert", *map(str, arguments)]) == 1
        assert capsys.readouterr().err.startswith(f"fasttrees: error: {cause}")
    assert [path.name for path in tmp_path.iterdir()] == ["model.ft"]
