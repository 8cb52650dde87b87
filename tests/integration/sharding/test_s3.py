"""Parts in S3: encrypted, checked, kept when a shard goes on, and gathered from there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fasttrees.cli import main
from fasttrees.errors import FastTreesError
from fasttrees.sharding import Options, gather, shard
from tests.support.aws.fixtures import BUCKET, KEY, REGION, make_own
from tests.support.aws.recorder import Faults, Recorder

PLACE = f"s3://{BUCKET}/some/table"


@pytest.fixture(autouse=True)
def region(aws: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def source(tmp_path: Path, s3: Any) -> Path:
    make_own(s3, encrypted=True, private=True)
    path = tmp_path / "table.csv"
    path.write_text("".join(f"{i},{i / 7!r}\n" for i in range(1000)))
    return path


def stored(s3: Any, prefix: str = "") -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found}


def answer(s3: Any, names: list[str]) -> list[bytes]:
    """Put answers as a job would; the key is the bucket's, by its default."""
    lines = []
    for name in names:
        rows = stored(s3, f"some/table/parts/{name}")[f"some/table/parts/{name}"].splitlines()
        lines += [row.split(b",")[0] for row in rows]
        body = b"".join(row.split(b",")[0] + b"\n" for row in rows)
        s3.put_object(
            Bucket=BUCKET, Key=f"jobs/1/{name}.out", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=KEY
        )
    return lines


def test_there_and_back(source: Path, s3: Any, recorder: Recorder, tmp_path: Path) -> None:
    assert main(["shard", str(source), f"{PLACE}/", "--target-size", "4kB", "--quiet"]) == 0
    manifest = json.loads(stored(s3)["some/table/manifest.json"])
    names = [part["name"] for part in manifest["parts"]]
    assert set(stored(s3)) == {"some/table/manifest.json", *(f"some/table/parts/{name}" for name in names)}
    assert b"".join(stored(s3, "some/table/parts/")[f"some/table/parts/{name}"] for name in names) == (
        source.read_bytes()
    )
    puts = [call for call in recorder.calls if call.operation == "PutObject"]
    assert len(puts) == len(names) + 2
    assert all(call.headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY for call in puts)
    assert all(call.headers["x-amz-sdk-checksum-algorithm"] == "SHA256" for call in puts)
    expected = answer(s3, names)
    target = tmp_path / "all"
    assert main(["gather", f"{PLACE}/manifest.json", f"s3://{BUCKET}/jobs/1", "-o", str(target), "--quiet"]) == 0
    assert target.read_bytes().splitlines() == expected
    job = [f"s3://{BUCKET}/jobs/1/", "-o", str(target), "--join-input", "--quiet"]
    assert main(["gather", PLACE, *job]) == 0
    assert [line.rpartition(b",")[0] for line in target.read_bytes().splitlines()] == source.read_bytes().splitlines()


# Everything that `pip install fasttrees-lightgbm[serve]` leaves out.
WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from fasttrees.cli import main
sys.exit(main(sys.argv[2:]))
"""


def run_without(modules: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, modules, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_s3_needs_boto3_alone(source: Path, s3: Any, tmp_path: Path) -> None:
    others = "httptools,jinja2,lightgbm,matplotlib,pandas,psutil,pyarrow,pydantic,scipy,tomli,tomllib"
    done = run_without(others, "shard", str(source), PLACE, "--target-size", "4kB", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    parts = json.loads(stored(s3)["some/table/manifest.json"])["parts"]
    expected = answer(s3, [part["name"] for part in parts])
    target = tmp_path / "all"
    done = run_without(others, "gather", PLACE, f"s3://{BUCKET}/jobs/1", "-o", str(target), "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert target.read_bytes().splitlines() == expected
    done = run_without("boto3", "shard", str(source), PLACE, "--quiet")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "boto3 cannot be imported: No module named 'boto3'; install fasttrees-lightgbm[serve]\n"
    )
    assert done.stderr.count("\n") == 1


def test_an_interrupted_shard_goes_on(source: Path, s3: Any, recorder: Recorder, faults: Faults) -> None:
    rule = len(faults.rules)
    puts: list[str] = []

    def refuse(operation: str, request: Any) -> Any:
        if operation == "PutObject":
            puts.append(request.url)
            if len(puts) > 4:
                raise ConnectionError
        return None

    faults.rules.append(refuse)
    with pytest.raises((FastTreesError, ConnectionError)):
        shard(str(source), PLACE, Options(2000))
    done = set(stored(s3, "some/table/parts/"))
    assert 1 <= len(done) <= 3
    assert not json.loads(stored(s3)["some/table/manifest.json"])["complete"]
    del faults.rules[rule:]
    recorder.reset()
    result = shard(str(source), PLACE, Options(2000))
    assert result.n_kept == len(done)
    assert recorder.count("PutObject") == len(result.manifest.parts) - len(done) + 1  # the manifest that ends it
    assert result.uri == f"{PLACE}/parts/"


def test_fewer_parts_replace_more(source: Path, s3: Any) -> None:
    shard(str(source), PLACE, Options(1000))
    result = shard(str(source), PLACE, Options(9000), confirm=lambda question: True)
    names = {f"some/table/parts/{part.name}" for part in result.manifest.parts}
    assert len(names) == 3
    assert set(stored(s3, "some/table/parts/")) == names


def test_missing_and_foreign_answers(source: Path, s3: Any) -> None:
    parts = shard(str(source), PLACE, Options(4000)).manifest.parts
    answer(s3, [part.name for part in parts[1:]])
    s3.put_object(Bucket=BUCKET, Key="jobs/1/other.out", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=KEY)
    problems: list[str] = []
    with pytest.raises(FastTreesError, match="2 problems"):
        gather(PLACE, f"s3://{BUCKET}/jobs/1", "-", fail=problems.append)
    assert [problem.partition(":")[0] for problem in problems] == ["part-00000.csv.out", "other.out"]


def test_answers_of_an_earlier_job(source: Path, s3: Any) -> None:
    """The next table has as many rows in each part, and its job ends after the first."""
    names = [part.name for part in shard(str(source), PLACE, Options(9000)).manifest.parts]
    answer(s3, names)
    time.sleep(1.1)  # S3 tells seconds
    source.write_text(source.read_text().replace("1", "2"))
    again = shard(str(source), PLACE, Options(9000), confirm=lambda question: True)
    assert [part.name for part in again.manifest.parts] == names
    answer(s3, names[:1])
    problems: list[str] = []
    with pytest.raises(FastTreesError, match="2 problems"):
        gather(PLACE, f"s3://{BUCKET}/jobs/1", "-", fail=problems.append)
    assert [problem.partition(" than ")[0] for problem in problems] == [f"{name}.out: is older" for name in names[1:]]


@pytest.mark.usefixtures("faults")
def test_errors(source: Path, s3: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FastTreesError, match="expected s3://bucket/prefix"):
        shard(str(source), "s3://", Options(1000))
    with pytest.raises(FastTreesError, match=r"s3://not-there.*NoSuchBucket"):
        shard(str(source), "s3://not-there/x", Options(1000))
    faults.fail("PutObject", 403, "AccessDenied")
    with pytest.raises(FastTreesError, match=r"s3:PutObject is missing.*upload.*\(PutObject was answered AccessDenied"):
        shard(str(source), PLACE, Options(1000))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(FastTreesError, match=r"no AWS region is known: .*AWS_DEFAULT_REGION"):
        shard(str(source), PLACE, Options(1000))
