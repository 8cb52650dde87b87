"""Fetches the model of a server from S3.

S3 is asked by a process of its own, :mod:`fasttrees.serving.fetch`, which ends before serving begins: boto3 alone
needs more memory than a whole server.
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

# The child sees the modules that this process sees, wherever they are, and its own request.
CHILD = "import sys; sys.path[:] = sys.argv[2:]; from fasttrees.serving.fetch import main; main(sys.argv[1])"
DIRECTORIES = ("/tmp", "/var/tmp")  # for files without a name, after TMPDIR
SWITCHES = {"isolated": "-I", "no_site": "-S", "dont_write_bytecode": "-B"}


@dataclass(frozen=True)
class FetchedModel:
    """A model file fetched from S3, and what identifies it.

    It has no name in any file system: it is gone when it is closed, and nobody else can change it.

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
        None if the bucket keeps no versions.
    sha256 : str
        Of the object, in hexadecimal digits.
    verified : list of str
        What the object's content was compared with: ``MODEL_SHA256``, a checksum that S3 keeps, or ``MD5`` (an ETag
        that is one). Its size always is.
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
        """A path to open the file by, until it is closed."""
        return f"/proc/self/fd/{self.descriptor}"

    def facts(self) -> dict[str, object]:
        """Collect what a log line must say so that one can tell later which model has been served."""
        return {name: value for name, value in vars(self).items() if name != "descriptor" and value is not None}

    def close(self) -> None:
        """Give the file's space back."""
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
        Key of a model file; of a folder with a ``model.txt``, if it ends with ``/``; or of a ``.tar.gz``, from which
        the model is taken as from a directory.
    sha256 : str or None, default None
        Hexadecimal SHA-256 that the object must have.
    version_id : str or None, default None
        Version of the object; None: the latest.
    expected_bucket_owner : str or None, default None
        Account that must own the bucket.
    region : str or None, default None
        Region of the bucket; None: what boto3's own settings say, else S3 is asked.
    timeout : float, default 300
        Seconds that all of it may take.
    stall_timeout : float, default 20
        Seconds that may pass without any byte arriving.
    attempts : int, default 8
        How often each request is made where S3 is busy or the network fails, with growing pauses between them.
    part_size : int, default 8 MiB
        Bytes of a part; larger objects come in parts, several at a time.
    debug : bool, default False
        Write the traceback of an error to standard error.

    Returns
    -------
    FetchedModel
        To be closed once it is loaded.

    Raises
    ------
    ModelSourceError
        If it cannot be had, with the cause and what may help.
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
    """Run the child and return its reply, or one that says why there is none."""
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
    """Open a new file without a name, on a disk if one can be written to, else in memory.

    Returns
    -------
    int
        Its descriptor, for reading and writing.
    """
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
