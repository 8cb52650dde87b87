"""What is in the image, and that nothing is missing that runs once in a long while."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator

import pytest

from tests.support.containers import IMAGE, PYTHON, docker

UNWANTED = {"busybox", "gcc", "numpy", "perl", "pip", "sh", "tests"}


@pytest.fixture(scope="module")
def files() -> Iterator[list[tarfile.TarInfo]]:
    """All that the image holds; the engine adds empty mount points."""
    name = docker("create", IMAGE).strip()
    try:
        packed = subprocess.run(["docker", "export", name], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            yield archive.getmembers()
    finally:
        docker("rm", name)


def inside(code: str) -> str:
    return docker("run", "--rm", "--network", "none", "--entrypoint", PYTHON[0], IMAGE, *PYTHON[1:], "-c", code)


def test_no_shell_compiler_or_package_manager(files: list[tarfile.TarInfo]) -> None:
    names = ["/" + file.name for file in files]
    assert not [name for name in names if not UNWANTED.isdisjoint(name.split("/"))]
    assert {name for name in names if re.search("/s?bin/", name)} == {PYTHON[0]}


def test_no_source_and_nothing_where_sagemaker_mounts(files: list[tarfile.TarInfo]) -> None:
    names = ["/" + file.name for file in files]
    assert not [name for name in names if name.endswith((".py", ".pyx", ".pxd", ".cpp", ".a"))]
    assert not [name for name in names if name.startswith("/opt")]


def test_nothing_gives_rights(files: list[tarfile.TarInfo]) -> None:
    assert not [file.name for file in files if file.isfile() and file.mode & 0o6002]
    assert not [file.name for file in files if file.uid != 0]


def test_packages_are_known_to_scanners(files: list[tarfile.TarInfo]) -> None:
    names = {"/" + file.name for file in files}
    for package in ("libc6", "libssl3", "python3.11-minimal", "libpython3.11-stdlib", "ca-certificates"):
        assert f"/var/lib/dpkg/status.d/{package}" in names
        assert any(name.startswith("/usr/share/doc/") and name.endswith(f"{package}/copyright") for name in names)
    for package in ("boto3", "botocore", "httptools", "urllib3", "fasttrees_lightgbm"):
        assert any(f"/{package}-" in name and name.endswith(".dist-info/METADATA") for name in names), package


def test_every_module_of_the_package_can_be_imported() -> None:
    code = """
import importlib, pkgutil, fasttrees
names = [module.name for module in pkgutil.walk_packages(fasttrees.__path__, "fasttrees.")]
for name in names: importlib.import_module(name)
print(len(names))
"""
    assert int(inside(code)) > 20


def test_what_the_interpreter_looks_up_by_name() -> None:
    """Codecs, dates, host names, certificates: a module missing there is an error on a bad day only."""
    code = """
import datetime, json, socket, ssl, sys, traceback
datetime.datetime.strptime("2026-01-02", "%Y-%m-%d")
for codec in ("ascii", "latin-1", "utf-8", "utf-8-sig", "idna"):
    "localhost".encode(codec)
socket.getaddrinfo("localhost", 80)
ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
import boto3
for service in ("s3", "sts"):
    boto3.client(service, region_name="sa-east-1")
try:
    1 / 0
except ZeroDivisionError:
    traceback.format_exc()
print(json.dumps(sorted(sys.modules)))
"""
    assert "_ssl" in json.loads(inside(code))


def test_threads_can_end() -> None:
    """Glibc loads libgcc_s only when a thread is ended from within."""
    code = """
import threading, time
def wait():
    while True: time.sleep(0.01)
for _ in range(4): threading.Thread(target=wait, daemon=True).start()
time.sleep(0.05)
print("ended")
"""
    assert inside(code) == "ended\n"
