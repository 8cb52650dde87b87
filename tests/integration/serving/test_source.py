"""Where models come from, as far as it needs no network."""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
import tarfile
import time
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import fasttrees
from fasttrees._aws.checksum import crc32c, crc64nvme
from fasttrees._aws.errors import AwsError
from fasttrees.serving import s3
from fasttrees.serving.archive import extract_model
from fasttrees.serving.errors import ModelSourceError
from fasttrees.serving.fetch import Fetch, Watchdog
from fasttrees.serving.models import load_model
from fasttrees.serving.s3 import open_unnamed
from fasttrees.serving.settings import Settings
from fasttrees.serving.source import check_sha256, find_model
from tests.support.paths import FLIGHTS

MODEL = (FLIGHTS / "model.txt").read_bytes()
BOTH_WAYS = "put one LightGBM model there (ModelDataUrl), or set MODEL_S3_BUCKET and MODEL_S3_KEY"


def lay(root: Path, *names: str) -> Path:
    """Make files: those that end with .txt are models."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MODEL[:100] if name.endswith(".txt") else b"{}")
    return root


# -- directories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["model.txt"], "model.txt"),
        (["model.txt", "other.txt", "a/model.txt"], "model.txt"),
        (["booster.txt"], "booster.txt"),
        (["booster.txt", "metadata.json", "code/inference.py", "code/model.txt"], "booster.txt"),
        (["output/model.txt", "output/other.txt"], "output/model.txt"),
        (["a/b/c.txt", ".hidden/model.txt", "._model.txt", "__MACOSX/model.txt"], "a/b/c.txt"),
        (["a/model.txt", "b/other.txt"], "a/model.txt"),
    ],
)
def test_finds_the_model(tmp_path: Path, names: list[str], expected: str) -> None:
    assert find_model(str(lay(tmp_path, *names))) == str(tmp_path / expected)


def test_a_compact_file_is_a_model(tmp_path: Path) -> None:
    compact = tmp_path / "model.ft"
    fasttrees.loads(MODEL).save(compact)
    assert find_model(str(tmp_path)) == str(compact)
    assert extracted(packed({"model.ft": compact.read_bytes(), "a.json": b"{}"})) == compact.read_bytes()
    (tmp_path / "other.txt").write_bytes(MODEL)
    assert find_model(str(tmp_path)) == str(compact)
    (tmp_path / "model.txt").write_bytes(MODEL)
    assert find_model(str(tmp_path)) == str(tmp_path / "model.txt")
    compact.write_bytes(compact.read_bytes()[:-1])
    with pytest.raises(ModelSourceError, match="as the header says"):
        load_model(str(compact), Settings())


def test_damage_in_a_large_compact_file_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasttrees._modelfile.compact.SMALL", 0)
    compact = tmp_path / "model.ft"
    fasttrees.loads(MODEL).save(compact)
    assert load_model(str(compact), Settings()).n_trees
    content = bytearray(compact.read_bytes())
    content[-100] ^= 1
    compact.write_bytes(content)
    with pytest.raises(ModelSourceError, match="the file is damaged"):
        load_model(str(compact), Settings())


def test_a_file_is_the_model(tmp_path: Path) -> None:
    assert find_model(str(lay(tmp_path, "a.json", "b.txt") / "a.json")) == str(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        ([], "holds no LightGBM model: no file there"),
        ([".model.txt"], "holds no LightGBM model: no file there"),
        (
            ["a.json", "b/c.pkl"],
            "holds no LightGBM model: no file that begins as one among 'a.json', 'b/c.pkl'",
        ),
        (["a.txt", "b.txt"], "holds 2 models, none of them 'model.txt' alone: 'a.txt', 'b.txt'"),
        (
            ["a/model.txt", "b/model.txt"],
            "holds 2 models, none of them 'model.txt' alone: 'a/model.txt', 'b/model.txt'",
        ),
        (
            [f"{number:02}.txt" for number in range(10)],
            "holds 10 models, none of them 'model.txt' alone: "
            + ", ".join(f"'{number:02}.txt'" for number in range(8))
            + " and 2 more",
        ),
    ],
)
def test_says_what_is_there(tmp_path: Path, names: list[str], cause: str) -> None:
    with pytest.raises(ModelSourceError) as caught:
        find_model(str(lay(tmp_path, *names)))
    assert str(caught.value).startswith(f"{tmp_path}: {cause}")
    assert str(caught.value).endswith(f"; {BOTH_WAYS}")


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelSourceError) as caught:
        find_model(str(tmp_path / "model"))
    assert str(caught.value) == f"{tmp_path}/model: No such file or directory; {BOTH_WAYS}"


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = str(lay(tmp_path, "model.txt") / "model.txt")
    digest = hashlib.sha256(MODEL[:100]).hexdigest()
    check_sha256(path, digest)
    with pytest.raises(ModelSourceError) as caught:
        check_sha256(path, "0" * 64)
    assert str(caught.value) == f"{path}: expected SHA-256 {'0' * 64} (MODEL_SHA256), got {digest}"
    with pytest.raises(ModelSourceError, match="No such file"):
        check_sha256(path + "x", digest)


def test_only_reads_and_passes_pipes_over(tmp_path: Path) -> None:
    lay(tmp_path, "deep/model.txt")
    os.mkfifo(tmp_path / "model.txt")
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert find_model(str(tmp_path)) == str(tmp_path / "deep" / "model.txt")
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


# -- files without a name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writable", [True, False])
def test_unnamed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path if writable else tmp_path / "nothing"))
    monkeypatch.setattr(s3, "DIRECTORIES", ("/proc", str(tmp_path / "nothing")))
    descriptor = open_unnamed()
    path = f"/proc/self/fd/{descriptor}"
    assert os.readlink(path).startswith(f"{tmp_path}/.fasttrees-" if writable else "/memfd:model")
    assert os.listdir(tmp_path) == []
    os.write(descriptor, MODEL)
    assert fasttrees.load(path).num_trees() == fasttrees.loads(MODEL).num_trees()
    os.close(descriptor)


# -- checksums --------------------------------------------------------------------------------------------------------


def text(digest: bytes) -> str:
    return b64encode(digest).decode()


def verify(head: dict[str, str], sha256: str | None = None) -> list[str]:
    descriptor = open_unnamed()
    try:
        os.write(descriptor, MODEL)
        options = {"sha256": sha256, "bucket": "", "key": "", "version_id": None, "expected_bucket_owner": None}
        fetch = Fetch({**options, "region": None}, Watchdog(math.inf))  # which would end this process when it stalls
        digest, verified = fetch.verify(descriptor, head)
    finally:
        os.close(descriptor)
    assert digest == hashlib.sha256(MODEL).hexdigest()
    return verified


COMPOSITE = '"0123456789abcdef0123456789abcdef-2"'
CHECKSUMS = {
    "CRC32": zlib.crc32(MODEL).to_bytes(4, "big"),
    "CRC32C": crc32c(MODEL).to_bytes(4, "big"),
    "CRC64NVME": crc64nvme(MODEL).to_bytes(8, "big"),
    "SHA1": hashlib.sha1(MODEL).digest(),
    "SHA256": hashlib.sha256(MODEL).digest(),
    "SHA512": hashlib.sha512(MODEL).digest(),
    "MD5": hashlib.md5(MODEL).digest(),
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_checksums_of_s3(name: str) -> None:
    digest = CHECKSUMS[name]
    assert verify({"ETag": COMPOSITE, f"Checksum{name}": text(digest), "ChecksumType": "FULL_OBJECT"}) == [name]
    wrong = text(bytes([digest[0] ^ 1]) + digest[1:])
    with pytest.raises(AwsError, match="what came is not what S3 stored") as caught:
        verify({"ETag": COMPOSITE, f"Checksum{name}": wrong})
    assert str(caught.value).endswith(f"expected {name} {wrong}, got {text(digest)}")


@pytest.mark.parametrize(
    "head",
    [
        {"ETag": COMPOSITE},
        {"ETag": COMPOSITE, "ChecksumCRC32": "AAAAAA==-2"},
        {"ETag": COMPOSITE, "ChecksumCRC32": "AAAAAA==", "ChecksumType": "COMPOSITE"},
        {"ETag": COMPOSITE, "ChecksumXXHASH64": "AAAAAAAAAAA="},
        {"ETag": f'"{"0" * 32}"', "ServerSideEncryption": "aws:kms"},
        {"ETag": f'"{"0" * 32}"', "SSECustomerAlgorithm": "AES256"},
        {"ETag": '"not-in-hexadecimal-digits-but-32"'},
    ],
)
def test_checksums_that_say_nothing_of_the_whole(head: dict[str, str]) -> None:
    assert verify(head) == []
    assert verify(head, hashlib.sha256(MODEL).hexdigest()) == ["MODEL_SHA256"]


def test_etag_that_is_md5() -> None:
    etag = hashlib.md5(MODEL).hexdigest()
    assert verify({"ETag": f'"{etag}"'}) == ["MD5"]
    assert verify({"ETag": f'"{etag}"', "ServerSideEncryption": "AES256"}) == ["MD5"]
    with pytest.raises(AwsError, match="expected MD5 AAAAAAAAAAAAAAAAAAAAAA==, got"):
        verify({"ETag": f'"{"0" * 32}"'})


# -- archives ---------------------------------------------------------------------------------------------------------


def packed(files: dict[str, bytes | tarfile.TarInfo]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            else:
                archive.addfile(member)
    return buffer


def extracted(archive: io.BytesIO) -> bytes:
    target = io.BytesIO()
    extract_model(archive, target, lambda: None)
    return target.getvalue()


def link_to(target: str, name: str = "model.txt") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "files",
    [
        {"model.txt": MODEL},
        {"./model.txt": MODEL, "./other.txt": b"tree", "./metadata.json": b"{}"},
        {"output/booster.txt": MODEL, "output/._booster.txt": b"tree", "__MACOSX/output/booster.txt": b"tree"},
        {"model.txt": link_to("/etc/passwd"), "real.txt": MODEL},
        {"/model.txt": MODEL},  # only its content is taken, its name means nothing
    ],
)
def test_takes_the_model_out_of_an_archive(files: dict[str, Any]) -> None:
    assert extracted(packed(files)) == MODEL


@pytest.mark.parametrize(
    ("archive", "cause"),
    [
        (io.BytesIO(MODEL), "is no sound .tar.gz: not a gzip file"),
        (io.BytesIO(packed({"a": MODEL}).getvalue()[:-5000]), "is no sound .tar.gz: Compressed file ended"),
        (io.BytesIO(b""), "is no sound .tar.gz: "),
        (packed({}), "holds no LightGBM model: no file there"),
        (packed({"model.txt": link_to("/etc/passwd")}), "holds no LightGBM model: no file there"),
        (packed({"../model.txt": MODEL}), "holds no LightGBM model: no file there"),
        (packed({"a": b"a", "b": b""}), "no file that begins as one among 'a', 'b'"),
        (packed({"a": MODEL, "b": MODEL}), "holds 2 models, none of them 'model.txt' alone: 'a', 'b'"),
        (packed({str(number): b"" for number in range(1001)}), "holds more than 1000 files or 8 GiB"),
    ],
)
def test_archives_that_are_refused(archive: io.BytesIO, cause: str) -> None:
    with pytest.raises(ValueError, match=re.escape(cause)):
        extracted(archive)


def test_archive_that_grows_beyond_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasttrees.serving.archive.MAX_SIZE", len(MODEL))
    assert extracted(packed({"model.txt": MODEL})) == MODEL
    with pytest.raises(ValueError, match="holds more than"):
        extracted(packed({"model.txt": MODEL, "zeros": b"0"}))


# -- the process that fetches ------------------------------------------------------------------------------------------


def test_a_stalled_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("fasttrees.serving.fetch.os._exit", ended.append)
    monkeypatch.setattr("fasttrees.serving.fetch.reply", lambda **facts: ended.append(len(facts)))
    watchdog = Watchdog(0.4)
    for _ in range(8):
        time.sleep(0.1)
        watchdog.add(1)
    assert (watchdog.received, ended) == (8, [])
    time.sleep(0.8)
    assert ended == [1, 1]
