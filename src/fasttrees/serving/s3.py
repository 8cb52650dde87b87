"""Fetch the model of a server from S3.

A process of its own, :mod:`fasttrees.serving.fetch`, does it and ends before serving begins: boto3 alone needs more
memory than a whole server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from fasttrees.serving.errors import ModelSourceError
from fasttrees.serving.source import MODEL_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["FetchedModel", "fetch_model", "open_unnamed"]

# The child finds modules where this process finds them; its argument is the request.
CHILD = "import sys; sys.path[:] = sys.argv[2:]; from fasttrees.serving.fetch import main; main(sys.argv[1])"
DIRECTORIES = ("/tmp", "/var/tmp")  # for unnamed files, after TMPDIR
SWITCHES = {"isolated": "-I", "no_site": "-S", "dont_write_bytecode": "-B"}


@dataclass(frozen=True)
class FetchedModel:
    """A model file fetched from S3, and what identifies it.

    The file has no name: it disappears when it is closed, and no other process can change it.

    Attributes
    ----------
    descriptor : int
        The open file.
    uri : str
        ``s3://bucket/key``
    size : int
        Bytes of the object.
    etag : str
    version_id : str or None
        None in a bucket without versions.
    sha256 : str
        Of the object, in hexadecimal digits.
    verified : list of str
        What the object's content was compared with besides its size: ``MODEL_SHA256``, a checksum that S3 stores, or
        ``MD5`` (an ETag that is one).
    seconds : float
    """

    descriptor: int
    uri: str
    size: int
    etag: str
    version_id: str | None
    sha256: str
    verified: list[str]
    seconds: float

    @property
    def path(self) -> str:
        """A path that opens the file until it is closed."""
        return f"/proc/self/fd/{self.descriptor}"

    def log_fields(self) -> dict[str, object]:
        """Return what a log line needs so that the model that was served can be identified later."""
        return {name: value for name, value in vars(self).items() if name != "descriptor" and value is not None}

    def close(self) -> None:
        """Close the file, which frees its space."""
        os.close(self.descriptor)

    def __enter__(self) -> FetchedModel:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def fetch_model(
    bucket: str,
    key: str,
    *,
    sha256: str | None = None,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
    region: str | None = None,
    timeout: float = 300.0,
    stall_timeout: float = 20.0,
    attempts: int = 8,
    part_size: int = 8 << 20,
    debug: bool = False,
) -> FetchedModel:
    """Fetch a model from S3 and verify it, in a process of its own.

    Parameters
    ----------
    bucket : str
    key : str
        Key of a model file, of a folder with a ``model.txt`` (ends with ``/``), or of a ``.tar.gz``, in which the
        model is found as in a directory.
    sha256 : str or None, default None
        Hexadecimal SHA-256 that the object must have.
    version_id : str or None, default None
        Version of the object; None: the latest.
    expected_bucket_owner : str or None, default None
        Account that must own the bucket.
    region : str or None, default None
        Region of the bucket; None: that of boto3's own settings, else the one that S3's answer names.
    timeout : float, default 300
        Seconds for everything.
    stall_timeout : float, default 20
        Seconds without any byte arriving.
    attempts : int, default 8
        How often each request is sent if S3 is busy or the network fails, with growing pauses.
    part_size : int, default 8 MiB
        Bytes; larger objects come in several parts at a time.
    debug : bool, default False
        Write the traceback of an error to standard error.

    Returns
    -------
    FetchedModel
        To be closed once the model is loaded.

    Raises
    ------
    ModelSourceError
        If it cannot be fetched, with the cause and the remedy.
    """
    begin = time.monotonic()
    if key.endswith("/"):
        key += MODEL_NAMES[0]
    uri = f"s3://{bucket}/{key}"
    descriptor = open_unnamed()
    request: dict[str, Any] = {
        "bucket": bucket,
        "key": key,
        "sha256": sha256,
        "version_id": version_id,
        "expected_bucket_owner": expected_bucket_owner,
        "region": region,
        "stall_timeout": stall_timeout,
        "attempts": attempts,
        "part_size": part_size,
        "debug": debug,
        "descriptor": descriptor,
    }
    try:
        reply = _run_child(request, timeout)
        if "error" in reply:
            raise ModelSourceError(f"{uri}: {reply['error']}")
        return FetchedModel(descriptor, uri, seconds=round(time.monotonic() - begin, 3), **reply)
    except BaseException:
        os.close(descriptor)
        raise


def _run_child(request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Run the child and return its reply, or an error that says why there is none."""
    switches = [switch for name, switch in SWITCHES.items() if getattr(sys.flags, name)]
    if sys.flags.optimize:
        switches.append("-" + "O" * sys.flags.optimize)
    try:
        done = subprocess.run(
            [sys.executable, *switches, "-W", "ignore", "-c", CHILD, json.dumps(request), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if request["debug"] else subprocess.PIPE,
            pass_fds=[request["descriptor"]],
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not fetched within {timeout:g} s: the model is too large for SAGEMAKER_STARTUP_TIMEOUT"}
    except OSError as error:
        return {"error": f"the process to fetch it did not start: {sys.executable!r}: {error.strerror}"}
    try:
        reply: dict[str, Any] = json.loads(done.stdout.partition(b"\n")[0])
    except ValueError:
        if done.returncode < 0:
            return {"error": f"the process that fetched it was ended by signal {-done.returncode}: too little memory?"}
        last = (done.stderr or b"").decode(errors="replace").strip().rpartition("\n")[2]
        return {"error": f"the process that fetched it ended with status {done.returncode}: {last}"}
    return reply


def open_unnamed() -> int:
    """Open a new unnamed file, on a disk if one is writable, else in memory; return its descriptor."""
    for directory in (os.environ.get("TMPDIR"), *DIRECTORIES):
        if directory:
            path = os.path.join(directory, f".fasttrees-{os.urandom(8).hex()}")
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError:
                continue
            os.unlink(path)
            return descriptor
    return os.memfd_create("model")
