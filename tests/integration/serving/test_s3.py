"""Models from S3, over HTTP, from a server that fails in all the ways that networks and people fail."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fasttrees
from fasttrees._aws.checksum import crc64nvme
from fasttrees.serving.errors import ModelSourceError
from fasttrees.serving.s3 import FetchedModel, fetch_model
from tests.support.faulty_s3 import Answer, FaultyS3, Request, error, faulty_s3
from tests.support.paths import FLIGHTS
from tests.support.servers import RunningServer

MODEL = (FLIGHTS / "model.txt").read_bytes()
OTHER = MODEL.replace(b"tree", b"TREE", 1)
PART = 1 << 16  # so that the model comes in several parts
KEY = "project/experiment/model.txt"
STALL = 4.0  # seconds; on a busy machine two were not enough for the first bytes


@pytest.fixture(scope="module")
def both() -> Iterator[FaultyS3]:
    with faulty_s3() as s3:
        s3.put("models")
        s3.put("versioned")
        s3.put("versioned?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        yield s3


@pytest.fixture
def s3(both: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaultyS3:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", both.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HOME", str(tmp_path))  # no settings of the developer's own
    both.reset()
    both.put(f"models/{KEY}", MODEL)
    return both


def fetch(bucket: str = "models", key: str = KEY, **options: object) -> FetchedModel:
    return fetch_model(bucket, key, **{"region": "sa-east-1", "attempts": 2, **options})  # type: ignore[arg-type]


def open_files() -> Iterator[str]:
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that listed them
            yield os.readlink(f"/proc/self/fd/{descriptor}")


def refused(bucket: str = "models", key: str = KEY, **options: object) -> str:
    """Fetch what cannot be fetched: one line, and no descriptor left open."""
    with pytest.raises(ModelSourceError) as caught:
        fetch(bucket, key, **options)
    assert not [path for path in open_files() if "/.fasttrees-" in path]
    message = str(caught.value)
    assert message.startswith(f"s3://{bucket}/{key}: ")
    assert "\n" not in message
    assert "Traceback" not in message
    return message


def content(model: FetchedModel) -> bytes:
    with model:
        return Path(model.path).read_bytes()


def on(method: str, answer: Answer, numbers: range = range(1000)) -> Callable[[Request], Answer | None]:
    return lambda request: answer if request.method == method and request.number in numbers else None


# -- what works -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part_size", [PART, 8 << 20])
def test_fetches_the_object_and_says_which(s3: FaultyS3, part_size: int) -> None:
    etag = s3.put(f"models/{KEY}", MODEL)["ETag"].strip('"')
    model = fetch(key="project/experiment/", part_size=part_size)
    facts = model.log_fields()
    assert facts.pop("seconds") == model.seconds > 0
    assert facts == {
        "uri": f"s3://models/{KEY}",
        "size": len(MODEL),
        "etag": etag,
        "sha256": hashlib.sha256(MODEL).hexdigest(),
        "verified": ["MD5"],
    }
    gets = [request for request in s3.requests if request.method == "GET"]
    assert len(gets) == max(1, -(-len(MODEL) // part_size))
    assert {request.headers.get("If-Match") for request in gets} == {f'"{etag}"'}
    assert fasttrees.load(model.path).num_trees() == fasttrees.loads(MODEL).num_trees()
    assert content(model) == MODEL


def test_takes_the_version_asked_for(s3: FaultyS3) -> None:
    old = s3.put("versioned/model.txt", MODEL)["x-amz-version-id"]
    new = s3.put("versioned/model.txt", OTHER)["x-amz-version-id"]
    model = fetch("versioned", "model.txt", version_id=old, expected_bucket_owner="123456789012")
    assert (model.version_id, content(model)) == (old, MODEL)
    assert all(f"versionId={old}" in request.path for request in s3.requests)
    assert all(request.headers["x-amz-expected-bucket-owner"] == "123456789012" for request in s3.requests)
    model = fetch("versioned", "model.txt")
    assert (model.version_id, content(model)) == (new, OTHER)


def test_takes_the_version_it_first_saw(s3: FaultyS3) -> None:
    first = s3.put("versioned/model.txt", MODEL)["x-amz-version-id"]

    def replace(request: Request) -> None:
        if request.method == "GET" and request.number == 0:
            s3.put("versioned/model.txt", OTHER)

    s3.rule = replace
    model = fetch("versioned", "model.txt", part_size=PART)
    assert (model.version_id, content(model)) == (first, MODEL)


def test_pinned_sha256(s3: FaultyS3) -> None:
    model = fetch(sha256=hashlib.sha256(MODEL).hexdigest())
    assert model.verified == ["MODEL_SHA256", "MD5"]
    assert content(model) == MODEL
    message = refused(sha256="0" * 64)
    assert f"expected SHA-256 {'0' * 64} (MODEL_SHA256), got {hashlib.sha256(MODEL).hexdigest()}" in message


@pytest.mark.parametrize("good", [True, False])
def test_checksum_that_s3_keeps(s3: FaultyS3, good: bool) -> None:
    checksum = b64encode(crc64nvme(MODEL).to_bytes(8, "big")).decode()
    given = checksum if good else checksum.swapcase()
    s3.rule = on("HEAD", Answer(headers={"x-amz-checksum-crc64nvme": given}))
    if good:
        model = fetch(part_size=PART)
        assert (model.verified, content(model)) == (["CRC64NVME"], MODEL)
    else:
        assert f"expected CRC64NVME {given}, got {checksum}" in refused(part_size=PART)


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_archive_of_a_training_job(s3: FaultyS3) -> None:
    data = packed(
        **{"./output/model.txt": MODEL, "./output/other.txt": MODEL, "./.model.txt": MODEL, "./a.json": b"{}"}
    )
    s3.put("models/job/output/model.tar.gz", data)
    model = fetch(key="job/output/model.tar.gz", sha256=hashlib.sha256(data).hexdigest())
    assert (model.size, model.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert content(model) == MODEL


def test_archive_that_is_cut(s3: FaultyS3) -> None:
    s3.put("models/model.tar.gz", packed(a=MODEL)[:-5000])
    assert "is no sound .tar.gz: Compressed file ended" in refused(key="model.tar.gz")


# -- what fails, and heals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        on("HEAD", error(503, "SlowDown"), range(1)),
        on("GET", error(503, "SlowDown"), range(1)),
        on("GET", error(500, "InternalError"), range(1, 2)),
        on("GET", Answer(keep=1000), range(1)),
        on("GET", Answer(keep=0), range(2, 4)),
    ],
    ids=["busy", "busy later", "failing part", "cut part", "cut parts"],
)
def test_goes_on_after_a_fault(s3: FaultyS3, rule: Callable[[Request], Answer | None]) -> None:
    s3.rule = rule
    model = fetch(part_size=PART)
    assert content(model) == MODEL


def test_goes_on_where_the_bucket_is(s3: FaultyS3) -> None:
    """S3 answers from the wrong region where the right one is: boto3 asks there."""

    def wrong_region(request: Request) -> Answer | None:
        right = "/eu-west-3/s3/" in request.headers["Authorization"]
        return None if right else error(400, "AuthorizationHeaderMalformed", x_amz_bucket_region="eu-west-3")

    s3.rule = wrong_region
    assert content(fetch()) == MODEL


# -- what fails for good ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "answer", "cause"),
    [
        ("HEAD", error(503, "SlowDown"), "AWS is busy or failing, 2 attempts"),
        ("GET", error(503, "SlowDown"), "AWS is busy or failing, 2 attempts"),
        (
            "HEAD",
            error(403, "AccessDenied"),
            "access denied: the right s3:GetObject is missing, or kms:Decrypt for its KMS key",
        ),
        ("GET", error(403, "AccessDenied"), "access denied: the right s3:GetObject is missing, or kms:Decrypt for its"),
        ("HEAD", error(400, "KMS.DisabledException"), "its KMS key cannot be used; kms:Decrypt is needed"),
        (
            "HEAD",
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3"),
            "the bucket is in eu-west-3, not in sa-east-1: set AWS_REGION",
        ),
    ],
)
def test_errors_of_s3(s3: FaultyS3, method: str, answer: Answer, cause: str) -> None:
    # What HEAD is refused for, GET is refused for.
    s3.rule = on("GET", answer) if method == "GET" else lambda _: answer
    assert cause in refused()


def test_missing_key_and_bucket(s3: FaultyS3) -> None:
    assert "no such key in the bucket; see MODEL_S3_KEY (GetObject was answered NoSuchKey" in refused(key="nothing")
    assert "no such bucket; see MODEL_S3_BUCKET (GetObject was answered NoSuchBucket" in refused("nothing")
    assert "Invalid bucket name" in refused("no/bucket")


@pytest.mark.parametrize("number", [0, 2])
def test_object_replaced_meanwhile(s3: FaultyS3, number: int) -> None:
    def replace(request: Request) -> None:
        if request.method == "GET" and request.number == number:
            s3.put(f"models/{KEY}", OTHER)

    s3.rule = replace
    assert "was replaced while it was fetched" in refused(part_size=PART if number else 8 << 20)


@pytest.mark.parametrize(
    ("answer", "part_size"),
    [(Answer(keep=100, stall=True), PART), (Answer(keep=100, stall=True), 8 << 20)],
    ids=["parts", "whole"],
)
def test_stalls(s3: FaultyS3, answer: Answer, part_size: int) -> None:
    s3.rule = on("GET", answer)
    message = refused(part_size=part_size, stall_timeout=STALL)
    assert f"nothing came from S3 for {STALL:g} s, " in message
    assert f" of {len(MODEL)} bytes were there" in message


def test_no_answer_at_all(s3: FaultyS3) -> None:
    s3.rule = lambda _: Answer(keep=None, stall=True)
    assert f"nothing came from S3 for {STALL:g} s; is there a route to S3?" in refused(stall_timeout=STALL)


def test_busy_until_the_time_is_over(s3: FaultyS3) -> None:
    s3.rule = on("GET", error(503, "SlowDown"))
    assert "; the last attempt ended with: SlowDown" in refused(attempts=100, stall_timeout=STALL)


def test_takes_too_long_in_all(s3: FaultyS3) -> None:
    s3.rule = lambda _: Answer(keep=None, stall=True)
    assert "not fetched within 1.5 s" in refused(timeout=1.5, stall_timeout=60)


def test_nobody_listens(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/models' in refused()


def test_body_cut_each_time(s3: FaultyS3) -> None:
    s3.rule = on("GET", Answer(keep=100))
    assert "the connection broke again and again" in refused()


@pytest.mark.parametrize("headers", [{}, {"x-amz-checksum-crc32": "AAAAAA=="}])
def test_body_changed_on_its_way(s3: FaultyS3, headers: dict[str, str]) -> None:
    s3.rule = on("GET", Answer(flip=True, headers=headers))
    assert "what came is not what S3 stored" in refused()


def test_fewer_bytes_than_announced(s3: FaultyS3) -> None:
    s3.rule = on("HEAD", Answer(headers={"Content-Length": str(len(MODEL) + 1)}))
    assert f"{len(MODEL)} bytes came, {len(MODEL) + 1} were announced" in refused()


def test_empty_object(s3: FaultyS3) -> None:
    s3.put("models/empty", b"")
    assert "the object is empty" in refused(key="empty")


def test_no_credentials(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s3.url)
    s3.rule = lambda _: Answer(keep=None, stall=True)
    message = refused()
    assert "no credentials: Unable to locate credentials; give the execution role" in message
    assert not [request for request in s3.requests if request.path.startswith("/models")]


def test_no_boto3(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ModuleNotFoundError(\"No module named 'boto3'\")")
    monkeypatch.syspath_prepend(tmp_path)
    assert "boto3 cannot be imported: No module named 'boto3'; install fasttrees-lightgbm[serve]" in refused()


def test_process_that_dies(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "boto3.py").write_text("import os; os.kill(os.getpid(), 9)")
    assert "was ended by signal 9: too little memory?" in refused()
    (tmp_path / "boto3.py").write_text("import os; os.write(2, b'first\\nlast words'); os._exit(3)")
    assert "ended with status 3: last words" in refused()


def test_debug_shows_the_traceback(s3: FaultyS3, capfd: pytest.CaptureFixture[str]) -> None:
    refused(key="nothing")
    assert capfd.readouterr().err == ""
    refused(key="nothing", debug=True)
    assert "Traceback" in capfd.readouterr().err


# -- the process that serves ------------------------------------------------------------------------------------------

PARENT = """
import sys
sys.path[:] = sys.argv[3:]
import fasttrees
from fasttrees.serving.s3 import fetch_model
limit = int(sys.argv[2])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with fetch_model("models", sys.argv[1]) as model:
        print(model.uri, fasttrees.load(model.path).num_trees())
except Exception as error:
    print(error)
print([name for name in sys.modules if name.startswith(("boto", "numpy", "ssl", "urllib3"))])
"""


def serve(*arguments: str) -> list[str]:
    command = [sys.executable, "-I", "-S", "-OO", "-c", PARENT, *arguments, *sys.path]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.splitlines()


def test_boto3_is_never_in_the_process_that_serves(s3: FaultyS3) -> None:
    assert serve(KEY, "0") == [f"s3://models/{KEY} {fasttrees.loads(MODEL).num_trees()}", "[]"]


def test_full_disk(s3: FaultyS3) -> None:
    message, modules = serve(KEY, "4096")
    assert message == f"s3://models/{KEY}: File too large; set TMPDIR to a directory with more"
    assert modules == "[]"
    assert [request.method for request in s3.requests] == ["HEAD"]  # found before anything is fetched


def test_does_not_outlive_the_process_that_serves(s3: FaultyS3) -> None:
    s3.rule = lambda _: Answer(keep=None, stall=True)
    command = [sys.executable, "-I", "-S", "-c", PARENT, KEY, "0", *sys.path]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as parent:
        wait_until(lambda: bool(s3.requests))
        (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())


def wait_until(happened: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_object_that_holds_half_a_model(s3: FaultyS3) -> None:
    """S3 cannot know that the upload was cut; the reader does, by the sizes of the trees."""
    for size in (1000, len(MODEL) // 2, MODEL.index(b"end of trees") - 1):
        s3.put("models/half.txt", MODEL[:size])
        with fetch(key="half.txt") as model, pytest.raises(fasttrees.ModelFormatError):
            fasttrees.load(model.path)


def test_server(s3: FaultyS3) -> None:
    """The whole way: the environment, S3, the log's line that says what is served, answers."""
    digest = hashlib.sha256(MODEL).hexdigest()
    with RunningServer(MODEL_S3_BUCKET="models", MODEL_S3_KEY="project/experiment/", MODEL_SHA256=digest) as running:
        (fetched,) = running.events("fetched")
        assert (fetched["uri"], fetched["sha256"], fetched["size"]) == (f"s3://models/{KEY}", digest, len(MODEL))
        assert fetched["verified"] == ["MODEL_SHA256", "MD5"]
        assert running.invoke((FLIGHTS / "rows.csv").read_bytes()) == (200, (FLIGHTS / "predictions.csv").read_bytes())
    environment = {**os.environ, "MODEL_S3_BUCKET": "models", "MODEL_S3_KEY": "none"}
    command = [sys.executable, "-m", "fasttrees.serving", "serve"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fasttrees: error: s3://models/none: no such key in the bucket; see MODEL_S3_KEY")
    assert done.stderr.count("\n") == 1
