"""Put together the root file system of the image: what serving and the fetch of a model from S3 need, and no more.

Runs in the Dockerfile's build stage, by the Python whose packages it takes:
``python -I -X frozen_modules=off -X no_debug_ranges container/assemble.py ROOT``.
The first option lets it find the files of all modules. The second leaves out of compiled code in which column a
statement stands, which would take memory; tracebacks still have the lines.

Two ways together find the modules. All imports that the code of ENTRY_POINTS can reach are followed, those inside
functions too. And the entry points are imported in a separate process, which shows what happens only at run time:
imports by compiled code and by name. LEFT_OUT names what can be reached but never is.
"""

from __future__ import annotations

import json
import pkgutil
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import ModuleSpec
from importlib.metadata import distributions
from importlib.util import find_spec
from modulefinder import ModuleFinder
from pathlib import Path

import botocore

import fasttrees

# Of the package, the image has these folders and top-level modules. Serving needs nothing of the others.
SERVED = {
    "_aws",
    "_builds",
    "_description",
    "_engine",
    "_eval",
    "_eval_avx2",
    "_eval_avx512",
    "_modelfile",
    "_parameters",
    "_runtime",
    "_sagemaker",
    "_textio",
    "errors",
    "model",
    "serving",
}

ENTRY_POINTS = [
    *(module.name for module in pkgutil.walk_packages(fasttrees.__path__, "fasttrees.")),
    "boto3",
    # What the interpreter, the codecs and boto3 import by name, and only when they need it:
    "_strptime",
    "boto3.s3.inject",
    "boto3.s3.transfer",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    "encodings.utf_8_sig",
    "runpy",
    "s3transfer.manager",
]

LEFT_OUT = {
    **{
        f"fasttrees.{module.name}": "not served"
        for module in pkgutil.iter_modules(fasttrees.__path__)
        if module.name not in SERVED
    },
    "fasttrees._aws.prices": "costs of the pipeline",
    "fasttrees._engine.contributions": "contributions are not served",
    "fasttrees._sagemaker.batch_transform": "a client, for people",
    "_aix_support": "another platform",
    "_osx_support": "another platform",
    "asyncio.windows_events": "another platform",
    "ctypes": "only other platforms and multiprocessing use it",
    "dateutil.tz.win": "another platform",
    "distutils": "only other platforms use it",
    "doctest": "for modules that test themselves when they are run as a program",
    "numpy": "serving decodes rows by itself",
    "pdb": "as doctest",
    "pydoc": "as doctest",
    "test": "as doctest",
    "tqdm": "a progress line, for people",
    "unittest": "as doctest",
    "urllib3.contrib.emscripten": "another platform",
    "xmlrpc": "multiprocessing would offer it as another way to talk",
}

# boto3 can talk to 400 services; the model comes from S3, and the rights to read it perhaps from STS.
SERVICES = ["s3", "sts"]
BOTO_LEFT_OUT = ["examples-*", "paginators-*", "waiters-*"]
BOTO_FILES = ["_retry.json", "partitions.json", "sdk-default-configuration.json"]

# Opened by name, so that no file says that it needs them. glibc ends threads with libgcc_s.
MORE_LIBRARIES = ["libgcc_s.so.1"]

PYTHON = Path("/usr/bin/python3.11")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
SITE_PACKAGES = Path(sysconfig.get_path("platlib"))

ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def main(root: Path) -> None:
    """Write everything below `root` and print what it weighs."""
    copied = [copy(PYTHON, root), copy(CERTIFICATES, root), copy(Path("/etc/os-release"), root)]
    for spec in needed_modules():
        copied.append(place_module(spec, root))
    copied += copy_libraries(root)
    place_boto_files(root)
    for name, text in ACCOUNTS.items():
        (root / name).write_text(text)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)
    record_packages(copied, root)
    sizes = sorted(((path.lstat().st_size, path) for path in root.rglob("*") if not path.is_dir()), reverse=True)
    print(f"{len(sizes)} files, {sum(size for size, _ in sizes) / 1e6:.1f} MB; the largest:")
    for size, path in sizes[:12]:
        print(f"{size / 1e6:6.2f} MB  /{path.relative_to(root)}")


def needed_modules() -> list[ModuleSpec]:
    """Find the modules that have a file, in the order of their names."""
    entries = [name for name in ENTRY_POINTS if not left_out(name)]
    finder = ModuleFinder(excludes=list(LEFT_OUT))
    for name in entries:
        finder.import_hook(name)
    imported = modules_after_import(entries)
    if wrong := sorted(filter(left_out, imported)):
        raise SystemExit(f"LEFT_OUT holds modules that are imported: {', '.join(wrong)}")
    specs = [specification(name) for name in sorted({*finder.modules, *imported, *entries})]
    return [spec for spec in specs if spec is not None and spec.has_location]


def modules_after_import(names: list[str]) -> list[str]:
    """Import the modules in a fresh interpreter, run as in the image, and list all that it has then."""
    paths = f"import importlib, sys; sys.path[:] = {sys.path!r}"
    code = f"{paths}\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    command = [str(PYTHON), "-I", "-S", "-c", code, *names]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def left_out(name: str) -> bool:
    """Return whether the module, or a package that it is in, is in LEFT_OUT."""
    parts = name.split(".")
    return any(".".join(parts[: n + 1]) in LEFT_OUT for n in range(len(parts)))


def specification(name: str) -> ModuleSpec | None:
    """Return where a module comes from; None if it exists in memory only, as ``os.path`` and ``__main__`` do."""
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


def place_module(spec: ModuleSpec, root: Path) -> Path:
    """Put a module where the interpreter looks without being told, and return the file that it came from.

    Python code goes in compiled, without docstrings, which would take memory, and without source. All packages stand
    beside the standard library: so the interpreter needs neither ``site`` nor a path of its own to find them.
    """
    source = Path(str(spec.origin))
    home = SITE_PACKAGES if source.is_relative_to(SITE_PACKAGES) else STANDARD_LIBRARY
    target = root / STANDARD_LIBRARY.relative_to("/") / source.relative_to(home)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".py":
        py_compile.compile(
            str(source),
            str(target.with_suffix(".pyc")),
            dfile=str(source.relative_to(home)),
            doraise=True,
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    else:
        shutil.copy(source, target)
        subprocess.run(["strip", "--strip-unneeded", target], check=True)
    return source


def copy(source: Path, root: Path) -> Path:
    """Put a file at its own path below `root`; a link becomes the file that it names."""
    target = root / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return source


def copy_libraries(root: Path) -> list[Path]:
    """Copy the shared libraries that the programs and modules below `root` need, where the loader looks for them."""
    programs = [path for path in root.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
    output = subprocess.run(["ldd", *programs], check=True, capture_output=True, text=True).stdout
    libraries = {word for word in output.split() if word.startswith("/") and not word.endswith(":")}
    folder = Path(next(name for name in libraries if "/libc.so." in name)).parent
    return [copy(Path(name), root) for name in sorted(libraries | {str(folder / name) for name in MORE_LIBRARIES})]


def place_boto_files(root: Path) -> None:
    """Copy botocore's descriptions of the services wanted, and give it Debian's certificates in place of its own."""
    source = Path(botocore.__file__).parent / "data"
    package = root / STANDARD_LIBRARY.relative_to("/") / "botocore"
    for name in SERVICES:
        shutil.copytree(source / name, package / "data" / name, ignore=shutil.ignore_patterns(*BOTO_LEFT_OUT))
    for name in BOTO_FILES:
        shutil.copy(source / name, package / "data")
    endpoints = json.loads((source / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: partition["services"][name] for name in SERVICES if name in partition["services"]
        }
    (package / "data" / "endpoints.json").write_text(json.dumps(endpoints))
    (package / "cacert.pem").symlink_to(CERTIFICATES)


def record_packages(copied: list[Path], root: Path) -> None:
    """Record the packages that the files came from, and their licences, where security scanners look."""
    # Debian moved /lib into /usr/lib, but its packages still name the one or the other.
    paths = {str(path).removeprefix("/usr") for path in copied}
    names = [prefix + path for path in paths for prefix in ("", "/usr")]
    command = ["dpkg-query", "--search", *names]  # ends with status 1, because not all belong to a package
    search = subprocess.run(command, capture_output=True, text=True, check=False)
    packages = {line.split(":")[0] for line in search.stdout.splitlines() if not line.startswith("diversion by ")}
    records = root / "var/lib/dpkg/status.d"
    records.mkdir(parents=True)
    for package in sorted(packages | {"ca-certificates"}):  # whose file is put together when it is installed
        with open(records / package, "wb") as record:
            subprocess.run(["dpkg-query", "--status", package], check=True, stdout=record)
        copy(Path("/usr/share/doc", package, "copyright"), root)
    for distribution in distributions(path=[str(SITE_PACKAGES)]):
        files = [Path(str(distribution.locate_file(file))) for file in distribution.files or []]
        if not set(files).isdisjoint(copied):
            for file in files:
                if re.search(r"\.dist-info/(METADATA$|licenses/|LICEN[CS]E|NOTICE)", str(file)):
                    target = root / STANDARD_LIBRARY.relative_to("/") / file.relative_to(SITE_PACKAGES)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
