"""Files are cut into mini-batches of whole records, and nothing is lost."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fasttrees._sagemaker.batch_transform import Job, Limits, TransformError
from fasttrees._sagemaker.batch_transform.split import MiniBatch, Records, WholeFile, split

texts = st.lists(st.sampled_from([b"\n", b"\r\n", b"1", b"2,3", b"abc", b""])).map(b"".join)


def cut(path: Path, job: Job, limits: Limits) -> list[MiniBatch]:
    return [batch for batch, _ in split(str(path), job, limits)]


def lines_of(text: bytes) -> list[bytes]:
    return list(io.BytesIO(text))


def body(batch: MiniBatch) -> bytes:
    return b"".join(batch.blocks())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, limit=st.integers(1, 40), packed=st.booleans())
def test_mini_batches_hold_as_many_whole_lines_as_fit(text: bytes, limit: int, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(text) if packed else text)
    lines = lines_of(text)
    if too_long := [number for number, line in enumerate(lines, start=1) if len(line) > limit]:
        with pytest.raises(TransformError, match=rf"^line {too_long[0]}: the record is larger than {limit} bytes"):
            cut(path, Job(gzip=packed), Limits(limit, 1))
        return
    batches = cut(path, Job(gzip=packed), Limits(limit, 1))
    assert b"".join(map(body, batches)) == text
    first_line = 1
    for batch in batches:
        assert isinstance(batch, Records)
        assert 0 < len(batch.data) <= limit
        assert batch.first_line == first_line
        assert body(batch) == b"".join(lines[first_line - 1 : first_line - 1 + batch.n_lines])
        first_line += batch.n_lines
        if first_line <= len(lines):
            assert len(batch.data) + len(lines[first_line - 1]) > limit
    assert first_line == len(lines) + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, limit=st.sampled_from([0, 30]))
def test_single_records(text: bytes, limit: int, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(text)
    lines = lines_of(text)
    if any(limit and len(line) > limit for line in lines):
        return
    batches = cut(path, Job(), Limits(limit, 1, single_record=True))
    assert [body(batch) for batch in batches] == lines
    assert [batch.first_line for batch in batches] == list(range(1, len(lines) + 1))
    assert all(batch.n_lines == 1 for batch in batches)


def test_single_record_larger_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"1\n2345\n6")
    with pytest.raises(TransformError, match=r"^line 2: the record is larger than 4 bytes, the limit of a request$"):
        cut(path, Job(), Limits(4, 1, single_record=True))


def test_one_request_for_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"1\n2\n3")
    job = Job(split_lines=False)
    (batch,) = cut(path, job, Limits(5, 1))
    assert (body(batch), batch.n_lines) == (b"1\n2\n3", 3)
    with pytest.raises(TransformError, match=r"^the file is larger than 4 bytes"):
        cut(path, job, Limits(4, 1))
    path.write_bytes(b"")
    assert cut(path, job, Limits(4, 1)) == []


@pytest.mark.parametrize("split_lines", [False, True])
@pytest.mark.parametrize(("text", "n_lines"), [(b"1\n2\n3", 3), (b"1\n\n", 2), (b"\n", 1)])
def test_whole_files_are_read_when_they_are_sent(split_lines: bool, text: bytes, n_lines: int, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(text)
    (batch,) = cut(path, Job(split_lines=split_lines), Limits(0, 1))
    assert isinstance(batch, WholeFile)
    for _ in range(2):
        assert body(batch) == text
        assert batch.n_lines == n_lines


@pytest.mark.parametrize("limit", [0, 1000])
def test_damaged_gzip(limit: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    packed = gzip.compress(bytes(range(1, 10)) * 50)
    for data, message in [(packed[:-9], "truncated"), (b"1,2\n", "damaged: Not a gzipped file")]:
        path.write_bytes(data)
        with pytest.raises(TransformError, match=message):
            [body(batch) for batch, _ in split(str(path), Job(gzip=True), Limits(limit, 1))]
