"""``fasttrees predict``: LightGBM's bits for every kind of model and input, and a clear error for everything else."""

import fcntl
import gzip
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import fasttrees
from fasttrees._textio import chunks
from fasttrees._textio.header import columns_by_name
from fasttrees.cli import main, predict
from tests.support.builders import model_text, one_split
from tests.support.exchange import answer

NAMES = ["age of car", "b", "c", "kind", "e"]
MODELS: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary"},
    "regression": {"objective": "regression"},
    "multiclass": {"objective": "multiclass", "num_class": 3},
    "poisson": {"objective": "poisson"},
}
COMMAND = [sys.executable, "-m", "fasttrees"]

Run = Callable[..., tuple[int, bytes, str]]


class Case:
    """A trained model, rows with missing values, and LightGBM's predictions for them."""

    def __init__(self, folder: Path, name: str) -> None:
        rng = np.random.default_rng(11)
        self.rows = rng.normal(size=(400, 5))
        self.rows[:, 3] = rng.integers(0, 50, 400)
        self.rows[rng.random(self.rows.shape) < 0.1] = np.nan
        label = np.digitize(np.nan_to_num(self.rows[:, 0]) + np.nan_to_num(self.rows[:, 3]) % 3, [0.5, 1.5])
        parameters = {"verbose": -1, "num_threads": 1, "num_leaves": 8, "min_data_per_group": 5, **MODELS[name]}
        train_set = lightgbm.Dataset(
            self.rows,
            label > 0 if name == "binary" else label,
            feature_name=NAMES,
            categorical_feature=["kind"],
            params={"verbose": -1},
        )
        self.booster = lightgbm.train(parameters, train_set, 6)
        self.model = str(folder / f"{name}.txt")
        self.booster.save_model(self.model)

    def expected(self, **arguments: Any) -> np.ndarray:
        return np.asarray(self.booster.predict(self.rows, **arguments))

    def text(self, delimiter: str = ",", end: str = "\n", columns: list[int] | None = None) -> bytes:
        """Write the rows as text, missing values spelled in turn in each way."""
        spellings = iter(["", "NA", "nan", "N/A", "null", '""'] * 400)
        return "".join(
            delimiter.join(next(spellings) if value != value else repr(float(value)) for value in row) + end
            for row in (self.rows if columns is None else self.rows[:, columns])
        ).encode()


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {name: Case(tmp_path_factory.mktemp("models"), name) for name in MODELS}


@pytest.fixture
def case(cases: dict[str, Case]) -> Case:
    return cases["binary"]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Score a text with a model; returns the status, standard output and standard error."""

    def run(model: str, text: bytes, *arguments: str) -> tuple[int, bytes, str]:
        path = tmp_path / "rows.csv"
        path.write_bytes(text)
        status = main(["predict", model, str(path), *arguments])
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return run


def numbers(text: bytes, delimiter: str = ",") -> np.ndarray:
    table = np.array([[float(cell) for cell in line.split(delimiter)] for line in text.decode().splitlines()])
    return table[:, 0] if table.shape[1] == 1 else table


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=60, **options)


# -- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_bits_of_lightgbm(cases: dict[str, Case], name: str, run: Run) -> None:
    case = cases[name]
    for options, arguments in (
        ([], {}),
        (["--raw-score"], {"raw_score": True}),
        (["--pred-leaf"], {"pred_leaf": True}),
        (["--start-iteration", "2", "--num-iteration", "3"], {"start_iteration": 2, "num_iteration": 3}),
    ):
        status, out, err = run(case.model, case.text(), *options)
        assert (status, err) == (0, "")
        assert np.array_equal(numbers(out), case.expected(**arguments))


def test_leaves_without_iterations_are_empty_lines(case: Case, run: Run) -> None:
    assert run(case.model, case.text(), "--pred-leaf", "--start-iteration", "99") == (0, b"\n" * 400, "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_delimiters(case: Case, end: str, run: Run) -> None:
    expected = run(case.model, case.text())
    assert run(case.model, case.text(end=end)) == expected
    assert run(case.model, case.text("\t", end)) == expected
    assert run(case.model, case.text(";", end), "--delimiter", ";") == expected
    assert run(case.model, case.text("\t", end), "--delimiter", "tab") == expected
    assert run(case.model, case.text(end=end).removesuffix(end.encode())) == expected
    assert run(case.model, b"\xef\xbb\xbf" + case.text(end=end) + end.encode() * 3) == expected


def test_classes_are_delimited_like_the_input(cases: dict[str, Case], run: Run) -> None:
    case = cases["multiclass"]
    assert np.array_equal(numbers(run(case.model, case.text("\t"))[1], "\t"), case.expected())


@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("block_size", [1, 7, 100, 1000, 5000])
def test_blocks_and_threads_never_change_the_output(
    case: Case, run: Run, monkeypatch: pytest.MonkeyPatch, threads: str, block_size: int
) -> None:
    expected = run(case.model, case.text())
    monkeypatch.setattr(predict, "BLOCK_SIZE", block_size)
    assert run(case.model, case.text(end="\r\n"), "--threads", threads) == expected
    text = b"\xef\xbb\xbf" + ",".join(NAMES).encode() + b"\r\n" + case.text(end="\r\n") + b"\r\n"
    assert run(case.model, text, "--threads", threads, "--header") == expected
    assert run(case.model, gzip.compress(text), "--threads", threads, "--header") == expected


@pytest.mark.parametrize("max_outputs", [1, 10, 100])
def test_chunks_are_bounded_by_their_output_too(
    case: Case, run: Run, monkeypatch: pytest.MonkeyPatch, max_outputs: int
) -> None:
    expected = run(case.model, case.text(), "--pred-leaf")
    monkeypatch.setattr(predict, "MAX_OUTPUTS", max_outputs)
    assert run(case.model, case.text(), "--pred-leaf") == expected


def test_threshold(case: Case, run: Run) -> None:
    probabilities = case.expected()
    for threshold in (0.5, float(probabilities[7]), 0, 1):
        _, out, _ = run(case.model, case.text(), "--threshold", repr(threshold))
        assert out.decode().split() == ["1" if p > threshold else "0" for p in probabilities]


def test_one_feature(run: Run, tmp_path: Path) -> None:
    """Blank lines are rows where a line has one cell."""
    rows = np.arange(100.0)[:, None]
    train_set = lightgbm.Dataset(rows, rows[:, 0], params={"verbose": -1})
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, train_set, 3)
    path = tmp_path / "one.txt"
    booster.save_model(path)
    _, out, _ = run(str(path), b"3\n\n50\n\n")
    assert np.array_equal(numbers(out), np.asarray(booster.predict(np.array([[3], [np.nan], [50], [np.nan]]))))


# -- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 2, 5])
def test_a_label_column_is_left_out(case: Case, position: int, run: Run) -> None:
    lines = [line.split(b",") for line in case.text().splitlines()]
    for line in lines:
        line.insert(position, b"yes")
    text = b"\n".join(b",".join(line) for line in lines)
    expected = run(case.model, case.text())
    assert run(case.model, text, "--label-column", str(position)) == expected
    header = [name.encode() for name in NAMES]
    header.insert(position, b"target")
    text = b",".join(header) + b"\n" + text
    assert run(case.model, text, "--header", "--label-column", "target") == expected
    assert run(case.model, text, "--header", "--label-column", str(position)) == expected
    assert run(case.model, text, "--header") == expected  # it is no feature either way


def test_columns_are_found_by_name(case: Case, run: Run) -> None:
    expected = run(case.model, case.text())
    order = [3, 0, 4, 2, 1]
    names = ",".join(NAMES[i] for i in order)
    quoted = ", ".join(f'"{NAMES[i]}"' for i in order)
    body = case.text(columns=order)
    for header in (names, names.replace("age of car", "age_of_car"), quoted):
        assert run(case.model, header.encode() + b"\r\n" + body, "--header") == expected
    extra = b"\n".join(b'"x, ""y""",' + line + b",\xff" for line in body.splitlines())
    assert run(case.model, b"id," + names.encode() + b",note\n" + extra, "--header") == expected


def test_a_header_without_features_leaves_them_in_place(case: Case, run: Run) -> None:
    status, out, err = run(case.model, b"v,w,x,y,z\n" + case.text(), "--header")
    assert (status, out) == run(case.model, case.text())[:2]
    assert err == "fasttrees: note: the header names no feature of the model: features are taken by their position\n"
    assert run(case.model, b"v,w,x,y,z\n" + case.text(), "--header", "--quiet")[2] == ""


@pytest.mark.parametrize(
    ("header", "options", "problem"),
    [
        ("age of car,b,x,y,z", [], "the header lacks 3 of the model's 5 features: 'c', 'kind', 'e'"),
        ("age of car,b,c,kind,e", ["--label-column", "b"], "lacks 1 of the model's 5 features: 'b'"),
        ("age of car,b,c,kind,e,b", [], "expected the feature 'b' once"),
        ("age of car,b,c,kind,e,age_of_car", [], "expected the feature 'age_of_car' once"),
        ("v,w,x,y", [], "row 1: expected 5 names, got 4: 'v, w, x, y'"),
        ("v,w,x,y,z,label", [], "row 1: expected 5 names, got 6"),
        ("v,w,x,y,z", ["--label-column", "y2"], "--label-column: expected 'y2' once in the header, got it 0 times"),
        ("v,v,w,x,y,z", ["--label-column", "v"], "got it 2 times"),
        ("v,w,x,y,z", ["--label-column", "5"], "--label-column: expected a column from 0 to 4, got 5"),
        ("age of car,b,c,kind,e", ["--label-column", "5"], "--label-column: expected a column from 0 to 4, got 5"),
        ('v,"w,x,y,z', [], "row 1: header cannot be read: unexpected end of data"),
        ("v,w\0,x,y,z", [], "row 1: header cannot be read: NUL byte"),
    ],
)
def test_bad_headers(case: Case, header: str, options: list[str], problem: str, run: Run) -> None:
    status, out, err = run(case.model, header.encode() + b"\n1,2,3,4,5\n", "--header", *options)
    assert (status, out) == (1, b"")
    assert problem in err
    assert len(err.splitlines()) == 1


def test_a_header_that_is_not_utf8(case: Case, run: Run) -> None:
    assert "row 1: header is not UTF-8: '\\\\xe9,w,x,y,z" in run(case.model, b"\xe9,w,x,y,z\n", "--header")[2]


def test_many_missing_names_are_cut() -> None:
    with pytest.raises(fasttrees.InputError, match=r"lacks 30 .* 'f10' and 20 more$"):
        columns_by_name(["f0"], [f"f{i}" for i in range(31)], None)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2,3,4,x", "row 301, column 5: expected a number: 'x'"),
        ("1,2,3,4", "row 301: expected 5 cells, got 4: '1,2,3,4'"),
        ("1,2,3,4,5,6", "row 301: expected 5 cells, got 6"),
        ("", "row 301: blank line inside the data: ''"),
        ('1,2,3,4,"5', "row 301, column 5: quote without an end in its line"),
        ('1,2,3,4,"5"5', "row 301, column 5: text after a closing quote"),
        ("1,2,3,4,5\0", "row 301, column 5: NUL byte; expected UTF-8 text"),
        ("1,2,0x3,4,5", "row 301, column 3: expected a number: '0x3'"),
    ],
)
@pytest.mark.parametrize("block_size", [64, 1 << 20])
@pytest.mark.parametrize("options", [[], ["--header"]])
def test_a_bad_line_late_leaves_the_old_output(
    case: Case,
    line: str,
    problem: str,
    block_size: int,
    options: list[str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(predict, "BLOCK_SIZE", block_size)
    lines = [*[",".join(NAMES).encode()] * len(options), *case.text().splitlines()]
    lines[300] = line.encode()
    out = tmp_path / "out.csv"
    out.write_text("old")
    status, printed, err = run(case.model, b"\n".join(lines), "-o", str(out), *options)
    assert (status, printed) == (1, b"")
    assert err.startswith(f"fasttrees: error: {tmp_path / 'rows.csv'}: {problem}")
    assert len(err.splitlines()) == 1
    assert out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "rows.csv"]


def test_a_bad_first_line_gives_a_hint(case: Case, run: Run) -> None:
    _, _, err = run(case.model, b"a,b,c,d,e\n" + case.text())
    assert (
        "row 1, column 1: expected a number (a line of names needs --header, a label column --label-column): 'a'" in err
    )


def test_lines_without_an_end(case: Case, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_LINE", 1 << 20)
    monkeypatch.setattr(predict, "BLOCK_SIZE", 1 << 16)
    for text, row in ((b"7" * (5 << 20), 1), (b"1,2,3,4,5\n" * 3 + b"7" * (5 << 20), 4), (b"\n" * (5 << 20), 1)):
        status, _, err = run(case.model, text)
        assert status == 1
        assert f"row {row}: line, or blank lines, of more than 1 MB: " in err
    line = b"1,2,3," + b"0" * (1 << 19) + b"4,5\n"
    assert run(case.model, line * 3)[1] == run(case.model, b"1,2,3,4,5\n" * 3)[1]


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
@pytest.mark.parametrize("options", [[], ["--header"], ["--header", "--label-column", "y"], ["--pred-leaf"]])
def test_no_rows(case: Case, text: bytes, options: list[str], run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run(case.model, text, "-o", str(out), *options) == (0, b"", "fasttrees: note: the input has no rows\n")
    assert out.read_bytes() == b""
    assert run(case.model, text, "--quiet", *options) == (0, b"", "")


@pytest.mark.parametrize("text", [b"\n", b"\n \n\r\n", b"\xef\xbb\xbf\n", b"age of car,b,c,kind,e\n\n"])
def test_lines_and_no_rows(case: Case, text: bytes, run: Run) -> None:
    options = ["--header"] * (b"age" in text)
    assert run(case.model, text, *options) == (0, b"", "fasttrees: note: the input has no rows\n")


# -- gzip -------------------------------------------------------------------------------------------------------------


def test_gzip(case: Case, run: Run) -> None:
    text = case.text()
    expected = run(case.model, text)
    assert run(case.model, gzip.compress(text)) == expected
    members = gzip.compress(text[:1000]) + gzip.compress(b"", mtime=0) + gzip.compress(text[1000:]) + b"\0" * 100
    assert run(case.model, members) == expected


def test_truncated_and_damaged_gzip(case: Case, run: Run, tmp_path: Path) -> None:
    packed = gzip.compress(case.text())
    out = str(tmp_path / "out.csv")
    for size in (2, 5, 15, len(packed) // 2, len(packed) - 1):
        assert run(case.model, packed[:size], "-o", out) == (1, b"", "fasttrees: error: the gzip input is truncated\n")
    for damaged in (
        packed[:200] + bytes(byte ^ 0xFF for byte in packed[200:300]) + packed[300:],
        packed[:-8] + b"\0" * 8,
        packed + b"garbage",
        packed[:2] + b"\xff" + packed[3:],
    ):
        status, _, err = run(case.model, damaged, "-o", out)
        assert (status, err.startswith("fasttrees: error: the gzip input is damaged: ")) == (1, True)
        assert len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == ["rows.csv"]


# -- files and streams ------------------------------------------------------------------------------------------------


def test_the_output_may_be_the_input(case: Case, run: Run, tmp_path: Path) -> None:
    expected = run(case.model, case.text())[1]
    path = tmp_path / "rows.csv"
    assert run(case.model, case.text(), "-o", str(path)) == (0, b"", "")
    assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_the_output_file_is_as_the_umask_says(case: Case, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    old = os.umask(0o027)
    try:
        run(case.model, case.text(), "-o", str(out))
    finally:
        os.umask(old)
    assert out.stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(case: Case, run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    assert run(case.model, case.text(), "-o", str(link))[0] == 0
    assert link.is_symlink()
    assert target.read_bytes() == run(case.model, case.text())[1]


def test_devices_are_not_replaced(case: Case, run: Run, tmp_path: Path) -> None:
    assert run(case.model, case.text(), "-o", os.devnull) == (0, b"", "")
    assert Path(os.devnull).is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert run(case.model, case.text(), "-o", str(pipe))[0] == 0
        assert reader.communicate()[0] == run(case.model, case.text())[1]
    assert pipe.is_fifo()


def test_files_that_cannot_be_used(case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("tree\n")
    missing = tmp_path / "no" / "out.csv"
    for arguments, problem in (
        ([case.model, os.devnull, "-o", str(tmp_path)], f"{tmp_path}: Is a directory\n"),
        ([case.model, os.devnull, "-o", str(missing)], f"{missing}: No such file or directory\n"),
        ([case.model, "no.csv"], "no.csv: No such file or directory\n"),
        (["no.txt", "no.csv"], "no.txt: No such file or directory\n"),
        ([str(bad), "no.csv"], f"{bad}: key "),
    ):
        assert main(["predict", *arguments]) == 1
        assert capfd.readouterr().err.startswith(f"fasttrees: error: {problem}")


def test_a_full_disk(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(case.text())
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*COMMAND, "predict", case.model, str(path)], stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, b"fasttrees: error: No space left on device\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(case: Case, run: Run, pack: Callable[[bytes], bytes]) -> None:
    expected = run(case.model, case.text())[1]
    result = process("predict", case.model, "-", "-o", "-", input=pack(case.text()))
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, b"")
    result = process("predict", case.model, "-", input=pack(b"1,2,3,4\n"))
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"fasttrees: error: standard input: row 1: expected 5 cells, got 4")


def test_standard_input_byte_by_byte(case: Case, run: Run) -> None:
    """The magic bytes of gzip are recognised even if they come apart."""
    packed = gzip.compress(b"1,2,3,4,5\n")
    command = [*COMMAND, "predict", case.model, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        for i in range(len(packed)):
            child.stdin.write(packed[i : i + 1])
            time.sleep(0.001 if i else 0.3)
        out, _ = child.communicate()
    assert out == run(case.model, b"1,2,3,4,5\n")[1]


@pytest.mark.parametrize(
    ("source", "redirection", "message"),
    [
        ("-", "<&-", b"fasttrees: error: standard input is closed\n"),
        (os.devnull, ">&-", b"fasttrees: error: standard output is closed\n"),
        ("no.csv", "2>&-", b""),
    ],
)
def test_closed_streams(case: Case, source: str, redirection: str, message: bytes) -> None:
    command = f"exec {' '.join(COMMAND)} predict {case.model} {source} {redirection}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (1, b"", message)


def test_a_reader_that_goes_away(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(case.text() * 200)
    command = f"({' '.join(COMMAND)} predict {case.model} {path}; echo $? >&2) | head -n 1"
    result = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60)
    assert result.stdout.count(b"\n") == 1
    assert result.stderr == b"141\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_the_old_output(case: Case, tmp_path: Path, number: int, status: int) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    command = [*COMMAND, "predict", case.model, "-", "-o", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.write(case.text() * 200)
        child.stdin.flush()
        while len(os.listdir(tmp_path)) < 2:
            time.sleep(0.01)
        time.sleep(0.3)  # until it waits for more
        child.send_signal(number)
        assert child.wait(timeout=60) == status
        assert child.stderr.read() == b""
    assert out.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize(("options", "shown"), [([], True), (["--quiet"], False)])
def test_progress_on_a_terminal(case: Case, tmp_path: Path, options: list[str], shown: bool) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(case.text() * 100)
    terminal, stderr = os.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 120, 0, 0))
    command = [*COMMAND, "predict", case.model, str(path), "-o", os.devnull, *options]
    assert subprocess.run(command, stderr=stderr, timeout=60).returncode == 0
    os.write(stderr, b"end")
    os.close(stderr)
    text = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert bool(re.search(r"100%.*[\d,]+ rows/s", text)) == shown
    assert shown or text == "end"


# -- the command itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "status", "problem"),
    [
        ("regression", ["--threshold", "0"], 1, "--threshold needs a model with objective 'binary', not 'regression'"),
        ("binary", ["--threshold", "0.5", "--raw-score"], 2, "--threshold compares probabilities"),
        ("binary", ["--threshold", "0.5", "--pred-leaf"], 2, "--threshold compares probabilities"),
        ("binary", ["--threshold", "nan"], 2, "expected a number from 0 to 1, got 'nan'"),
        ("binary", ["--threshold", "x"], 2, "expected a number from 0 to 1, got 'x'"),
        ("binary", ["--threads", "0"], 2, "expected a whole number of at least 1, got '0'"),
        ("binary", ["--threads", "x"], 2, "expected a whole number of at least 1, got 'x'"),
        ("binary", ["--delimiter", "x"], 2, "expected , ; | or tab, got 'x'"),
        ("binary", ["--label-column", "y"], 2, "a name needs --header"),
        ("binary", ["--label-column", "-1"], 2, "a name needs --header"),
        ("binary", ["--raw"], 2, "unrecognized arguments: --raw"),
        ("binary", ["--label-column", "6"], 1, "expected a label column from 0 to 5, got 6"),
    ],
)
def test_wrong_usage(
    cases: dict[str, Case],
    name: str,
    options: list[str],
    status: int,
    problem: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(cases[name].text())
    result = process("predict", cases[name].model, str(path), *options)
    assert (result.returncode, result.stdout) == (status, b"")
    assert problem in result.stderr.decode()


def test_nothing_heavy_is_imported(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(case.text())
    code = (
        "import sys; from fasttrees.cli import main\n"
        f"main(['predict', {case.model!r}, {str(path)!r}, '-o', {os.devnull!r}]); main(['info', {case.model!r}])\n"
        "print(*sorted({'numpy', 'tqdm', 'lightgbm', 'pandas'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert result.stderr == b"\n"


def test_version_and_help() -> None:
    assert process("--version").stdout.decode() == f"fasttrees {fasttrees.__version__}\n"
    assert b"predict" in process("--help").stdout
    assert b"standard output, written while the input is read" in b" ".join(process("predict", "--help").stdout.split())
    assert process().returncode == 2


def test_bugs_are_one_line_too(case: Case, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> bytes:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(predict, "format_rows", broken)
    assert run(case.model, case.text()) == (1, b"", "fasttrees: error: unexpected RuntimeError: first second\n")


def test_memory_stays_constant(case: Case, tmp_path: Path) -> None:
    """100 times as much input takes no more memory."""
    code = (
        "import re, sys; from fasttrees.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    peaks = []
    for n in (40, 4000):
        path = tmp_path / "rows.csv"
        path.write_bytes(case.text() * n)
        arguments = ["predict", case.model, str(path), "-o", os.devnull, "--threads", "2"]
        result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=True, timeout=120)
        peaks.append(int(result.stdout) / 1024)
    assert peaks[1] < peaks[0] + 16, f"MB: {peaks}"


ODD_NAMES = ["\u3000a", "prix\u00a0TTC", "a\u2003b", "\u2028", "\u0085x", "a\tb", "\x1fa", "\u00e9\u00a0"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_keep_all_but_blanks(name: str, tmp_path: Path) -> None:
    """A header cell is cut at U+0020 only, as LightGBM cuts feature_names: the same columns by name everywhere."""
    path, rows, target = tmp_path / "model.txt", tmp_path / "rows.csv", tmp_path / "out.csv"
    text = model_text([one_split(0.5, 2)], 2).replace("Column_0", "other").replace("Column_1", name)
    path.write_text(text, encoding="utf-8", newline="")
    rows.write_text(f' {name} ,"other"\n0,9\n9,0\n', encoding="utf-8", newline="")
    model = fasttrees.load(path)
    expected = model.predict([[9.0, 0.0], [0.0, 9.0]]).tolist()
    assert expected[0] != expected[1]
    assert main(["predict", str(path), str(rows), "--header", "--delimiter", ",", "-o", str(target)]) == 0
    assert [float(line) for line in target.read_text().splitlines()] == expected
    header, *lines = answer(model, rows.read_bytes(), "text/csv; header=present", "text/csv").decode().splitlines()
    assert header == "score"
    assert [float(line) for line in lines] == expected
