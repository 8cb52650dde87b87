"""Tables cut into parts: every row once, in order, the same numbers, in parts of about the same size."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttrees._runtime.progress import Silent
from fasttrees._textio.csv import RowParser
from fasttrees.cli import main
from fasttrees.errors import FastTreesError
from fasttrees.sharding import Manifest, Options, ShardError, shard

MODES = ["file", "stream", "gzip"]


def numbers(text: bytes, n_cells: int) -> list[bytes]:
    """Return the bits of each row."""
    return [bytes(row) for row in np.asarray(RowParser(range(n_cells)).parse(text))]


def parts_of(folder: Path) -> list[bytes]:
    """Read all parts, proved to be those of the manifest."""
    manifest = Manifest.from_json((folder / "manifest.json").read_text(), "manifest.json")
    assert manifest.complete
    assert sorted(path.name for path in (folder / "parts").glob("*")) == [part.name for part in manifest.parts]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", *(["parts"] if manifest.parts else [])]
    texts = []
    for part in manifest.parts:
        data = (folder / "parts" / part.name).read_bytes()
        assert len(data) == part.bytes
        text = gzip.decompress(data) if part.name.endswith(".gz") else data
        assert text.count(b"\n") == part.rows > 0
        texts.append(text)
    return texts


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, int]:
    """Text of a table, and how many cells a line has."""
    n_cells = draw(st.integers(1, 3))
    cell = st.sampled_from(["1", "-2.50", '"3"', " 4 ", "", "NA", "1e300", "0.1000000000000000055", "7" * 300])
    lines = draw(st.lists(st.lists(cell, min_size=n_cells, max_size=n_cells).map(",".join), max_size=40))
    if n_cells > 1:
        lines = [line if line.strip() else "5" for line in lines]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join(lines) + draw(st.sampled_from(["", end] if lines else [""]))
    text = draw(st.sampled_from(["", "\ufeff"])) + text
    return text.encode(), n_cells


@given(tables(), st.integers(1, 700), st.sampled_from(MODES), st.booleans())
def test_every_row_once(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[bytes, int], size: int, mode: str, packed: bool
) -> None:
    text, n_cells = table
    folder = tmp_path_factory.mktemp("shard")
    source = folder / "table"
    source.write_bytes(gzip.compress(text) if mode == "gzip" else text)
    expected = numbers(text, n_cells)
    with pytest.MonkeyPatch.context() as patch, io.TextIOWrapper(source.open("rb")) as stdin:
        if mode == "stream":
            patch.setattr(sys, "stdin", stdin)
            patch.setattr("fasttrees._textio.chunks.stat.S_ISREG", lambda mode: False)
        patch.setattr("fasttrees.sharding._tables.BLOCK_SIZE", 97)
        options = Options(size, gzip=packed)
        result = shard("-" if mode == "stream" else str(source), str(folder / "out"), options, n_threads=2)
    texts = parts_of(folder / "out")
    assert [row for part in texts for row in numbers(part, n_cells)] == expected
    assert result.manifest.rows == len(expected)
    if texts and mode == "file":
        longest = max(len(line) for line in b"".join(texts).splitlines(keepends=True))
        slack = longest + 4  # for a byte order mark and the end of the last line
        mean = (len(text) + 1) / -(-len(text) // size)
        if not any(line.strip() == b"nan" for line in b"".join(texts).splitlines()):  # those were shorter
            assert all(len(part) <= mean + slack for part in texts)
            if longest < size:
                assert all(len(part) >= mean - slack for part in texts)
    elif texts:
        assert all(len(part) >= size for part in texts[:-1])
        assert all(len(part.rstrip(b"\n").rpartition(b"\n")[0]) < size for part in texts)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("".join(f"{i},{i / 7!r},{-i}\n" for i in range(1000)))
    return path


def run(*arguments: object) -> int:
    return main(["shard", *map(str, arguments), "--quiet"])


def test_bytes_are_those_of_the_table(source: Path, tmp_path: Path) -> None:
    assert run(source, tmp_path / "out", "--target-size", "4kB") == 0
    assert b"".join(parts_of(tmp_path / "out")) == source.read_bytes()
    assert [len(part) for part in parts_of(tmp_path / "out")] == pytest.approx([source.stat().st_size / 7] * 7, abs=30)


@pytest.mark.parametrize("mode", ["file", "gzip"])
def test_rows_that_fill_parts_exactly(tmp_path: Path, mode: str) -> None:
    text = b"1,2\n" * 10
    (tmp_path / "table").write_bytes(gzip.compress(text) if mode == "gzip" else text)
    assert run(tmp_path / "table", tmp_path / "out", "--target-size", "8B") == 0
    assert parts_of(tmp_path / "out") == [b"1,2\n" * 2] * 5


def test_row_longer_than_a_part(tmp_path: Path) -> None:
    text = b"1,2\n" * 5 + b"1," + b"0" * 5000 + b"\n" + b"3,4\n" * 5
    (tmp_path / "table").write_bytes(text)
    assert run(tmp_path / "table", tmp_path / "out", "--target-size", "100B") == 0
    assert b"".join(parts_of(tmp_path / "out")) == text


def test_empty_table(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"")
    assert run(tmp_path / "table", tmp_path / "out") == 0
    (tmp_path / "header").write_bytes(b"a,b\n")
    assert run(tmp_path / "header", tmp_path / "out2", "--header") == 0
    assert parts_of(tmp_path / "out") == parts_of(tmp_path / "out2") == []


def test_blank_lines_of_one_column_are_missing_values(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"1.50\n\n \n2\n\n")
    assert run(tmp_path / "table", tmp_path / "out") == 0
    assert b"".join(parts_of(tmp_path / "out")) == b"1.5\nnan\nnan\n2\nnan\n"


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a,b,c\n1,2,3.50\n4,,6\n", ["--header"], "1,2,3.50\n4,,6\n"),
        ("a,b,c\n1,2,3.50\n4,,6\n", ["--header", "--columns", "c,a"], "3.5,1\n6,4\n"),
        ("a,b,c\n1,2,3.50\n4,,6\n", ["--header", "--label-column", "a"], "2,3.5\nnan,6\n"),
        ('x,2,3\n"y,z",2,5\n', ["--label-column", "0"], "2,3\n2,5\n"),
        ('"1" ,2\n3,4\n', [], '"1" ,2\n3,4\n'),
        ("1\t2\n", [], "1,2\n"),
        ("1;2\n", ["--delimiter", ";"], "1,2\n"),
        ("1,2\r3,4\r", [], "1,2\n3,4\n"),
        ("1,2\r\n3,4", [], "1,2\r\n3,4\n"),
        ("1,2\n\n\n", [], "1,2\n"),
    ],
)
def test_what_is_written(tmp_path: Path, text: str, options: list[str], expected: str) -> None:
    (tmp_path / "table").write_bytes(text.encode())
    assert run(tmp_path / "table", tmp_path / "out", *options) == 0
    assert b"".join(parts_of(tmp_path / "out")).decode() == expected


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("1,2\n3,x\n", [], "table: row 2, column 2: expected a number: 'x'"),
        ("a,b\n3,4\n", [], "row 1, column 1: expected a number (names need --header; .*: 'a'"),
        ("1,2\n\n3,4\n", [], "row 2: blank line inside the data"),
        ("1,2\n3\n", [], "row 2: expected 2 cells, got 1"),
        ("1,2\n", ["--columns", "b"], "--columns: 'b' is a name; names need --header"),
        ("a,b\n1,2\n", ["--header", "--columns", "c"], "--columns: expected 'c' once in the header, got it 0 times"),
        ("1,2\n", ["--columns", "0,2"], "--columns: expected a column from 0 to 1, got 2"),
        ("1,2\n", ["--columns", "1,1"], "--columns: expected each column once, got column 1 again"),
        ("1,2\n", ["--columns", "1", "--label-column", "1"], "--columns: column 1 is the label column"),
        ("1\n", ["--label-column", "0"], "expected more columns than the label"),
    ],
)
def test_errors_say_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, options: list[str], error: str
) -> None:
    (tmp_path / "table").write_text(text)
    assert run(tmp_path / "table", tmp_path / "out", *options) == 1
    message = capsys.readouterr().err
    assert message.startswith("fasttrees: error: ")
    assert message.count("\n") == 1
    before, _, after = error.partition(".*")
    assert before in message
    assert after in message


@pytest.mark.parametrize(
    "name", ["\u3000a", "prix\u00a0TTC", "a\u2003b", "\u2028", "\u0085x", "a\tb", "\x1fa", "\u00e9\u00a0"]
)
def test_names_keep_all_but_blanks(name: str, tmp_path: Path) -> None:
    """A header cell loses only the spaces (U+0020) around it, as in the server and `predict`."""
    (tmp_path / "table").write_text(f' {name} ,"other"\n1,2\n3,4\n', encoding="utf-8", newline="")
    shard(str(tmp_path / "table"), str(tmp_path / "to"), Options(1 << 20, header=True, delimiter=",", columns=(name,)))
    assert b"".join(parts_of(tmp_path / "to")) == b"1\n3\n"


@pytest.mark.parametrize("size", ["0MB", "x", "1PB", "-1MB"])
def test_sizes(source: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(source, tmp_path / "out", f"--target-size={size}")


def test_parquet(tmp_path: Path) -> None:
    values = np.arange(20_000) / 7
    table = pa.table(
        {
            "word": ["x"] * 20_000,
            "double": pa.array(values, mask=np.arange(20_000) % 10 == 3),
            "float": values.astype(np.float32),
            "int": np.arange(20_000),
            "bool": np.arange(20_000) % 2 == 0,
        }
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=3000)
    assert run(tmp_path / "t.parquet", tmp_path / "out", "--label-column", "word", "--target-size", "100kB") == 0
    texts = parts_of(tmp_path / "out")
    counts = [part.count(b"\n") for part in texts]
    assert max(counts) - min(counts) <= 1
    assert len(texts[0]) == pytest.approx(100_000, rel=0.4)
    expected = np.column_stack([np.asarray(table[name].cast(pa.float64())) for name in table.column_names[1:]])
    assert numbers(b"".join(texts), 4) == [bytes(row) for row in expected]
    with pytest.raises(FastTreesError, match="column 'word': expected numbers or booleans, got string"):
        shard(str(tmp_path / "t.parquet"), str(tmp_path / "out2"), Options(1000))
    with pytest.raises(FastTreesError, match="goes without --header"):
        shard(str(tmp_path / "t.parquet"), str(tmp_path / "out2"), Options(1000, header=True))
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[:2000] + bytes(9000) + content[11_000:])
    with pytest.raises(ShardError, match=r"t\.parquet: "):
        shard(str(tmp_path / "t.parquet"), str(tmp_path / "damaged"), Options(1000, label_column="word"))
    (tmp_path / "t.parquet").write_bytes(content[:-50])
    with pytest.raises(ShardError, match=r"t\.parquet: "):
        shard(str(tmp_path / "t.parquet"), str(tmp_path / "out2"), Options(1000))


def test_an_interrupted_shard_goes_on(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    options = Options(4000)

    class Interrupting(Silent):
        def advance(self, what: str, done: int, total: int | None, unit: str, n_rows: int | None = None) -> None:
            if n_rows and n_rows > 400:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shard(str(source), str(folder), options, Interrupting())
    assert not json.loads((folder / "manifest.json").read_text())["complete"]
    done = {path.name: path.stat().st_ino for path in (folder / "parts").iterdir()}
    assert 2 <= len(done) < 7
    (folder / ".fasttrees-unfinished").mkdir()  # of a run that was killed
    (folder / ".fasttrees-unfinished" / "00000").write_text("x")
    first = folder / "parts" / "part-00000.csv"
    first.write_bytes(first.read_bytes()[::-1])
    result = shard(str(source), str(folder), options)
    assert b"".join(parts_of(folder)) == source.read_bytes()
    assert result.n_kept == len(done) - 1
    assert {name: (folder / "parts" / name).stat().st_ino for name in done if name != first.name} == {
        name: inode for name, inode in done.items() if name != first.name
    }
    assert shard(str(source), str(folder), options).n_kept == 7


def test_packed_parts_are_the_same_bytes_again(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(4000, gzip=True)
    shard(str(source), str(tmp_path / "out"), options)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert shard(str(source), str(tmp_path / "out"), options).n_kept == 7


def test_another_stream_of_the_same_name(tmp_path: Path) -> None:
    """Both are called "-", so only a question or --yes tells that the second may replace the first."""
    command = [sys.executable, "-m", "fasttrees", "shard", "-", str(tmp_path / "out"), "--quiet"]
    assert subprocess.run(command, input=b"1,2\n", capture_output=True).returncode == 0
    again = subprocess.run(command, input=b"3,4\n", capture_output=True)
    assert again.returncode == 1
    assert b"has 1 parts of - with 1 rows; replace them? nobody is there to answer; --yes answers" in again.stderr
    assert parts_of(tmp_path / "out") == [b"1,2\n"]
    assert subprocess.run([*command, "--yes"], input=b"3,4\n").returncode == 0
    assert parts_of(tmp_path / "out") == [b"3,4\n"]


def test_parts_of_another_table_are_replaced_only_with_yes(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(source, out, "--target-size", "2kB") == 0
    before = parts_of(out)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(source, out, "--target-size", "9kB") == 1
    assert "has 13 parts of " in capsys.readouterr().err
    assert parts_of(out) == before
    assert run(source, out, "--target-size", "9kB", "--yes") == 0
    assert len(parts_of(out)) == 3
    with pytest.raises(ShardError, match="replace them by --yes"):
        shard(str(source), str(out), Options(1000))
    (out / "manifest.json").unlink()
    with pytest.raises(ShardError, match="has 3 parts without a manifest"):
        shard(str(source), str(out), Options(9000))


def test_other_options_after_a_run_that_put_nothing(tmp_path: Path) -> None:
    """Without a question: there is nothing to replace."""
    (tmp_path / "table").write_text("a,b\n1,2\n")
    assert run(tmp_path / "table", tmp_path / "out") == 1
    assert run(tmp_path / "table", tmp_path / "out", "--header") == 0
    assert parts_of(tmp_path / "out") == [b"1,2\n"]


def test_foreign_objects_would_be_scored(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "parts" / "a").mkdir(parents=True)
    (tmp_path / "out" / "parts" / "a" / "notes.txt").write_text("x")
    with pytest.raises(ShardError, match=r"1 objects that are no parts \(a/notes\.txt\)"):
        shard(str(source), str(tmp_path / "out"), Options(1000), confirm=lambda question: True)


def test_a_damaged_manifest(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shard(str(source), str(out), Options(4000))
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    for change, expected in [
        ({"version": 2}, "expected version 1, got 2"),
        ({"rows": 7}, "expected the sums of the parts, 1000 rows"),
        ({"parts": manifest["parts"][1:]}, "part-00001.csv: expected first_row 1, got "),
        ({"parts": [{}]}, "expected a manifest that"),
        ({"options": None}, "expected a manifest that"),
    ]:
        with pytest.raises(ShardError, match=expected):
            Manifest.from_json(json.dumps({**manifest, **change}), "m")
    with pytest.raises(ShardError, match="expected a manifest that"):
        Manifest.from_json("{", "m")


def test_json_and_summary(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shard", str(source), str(tmp_path / "out"), "--target-size", "4kB"]) == 0
    size = source.stat().st_size
    assert capsys.readouterr().out == f"{tmp_path}/out/parts/: 7 parts: 1,000 rows, {size:,} bytes\n"
    assert main(["shard", str(source), str(tmp_path / "out"), "--target-size", "4kB", "--json"]) == 0
    uri = f"{tmp_path}/out/parts/"
    assert json.loads(capsys.readouterr().out) == {"parts": 7, "rows": 1000, "bytes": size, "kept": 7, "uri": uri}
