"""A table cut, sent to a real server, and gathered: the bytes of ``fasttrees predict``."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from fasttrees.cli import main
from tests.support.paths import FLIGHTS

MODEL = str(FLIGHTS / "model.txt")
MEGABYTES = 150

CHILD = """
import re, sys
from pathlib import Path
from fasttrees.cli import main

status = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(status, int(peak.group(1)) // 1024)
"""


@pytest.mark.parametrize("packed", [False, True])
def test_bytes_of_predict(tmp_path: Path, packed: bool) -> None:
    source = tmp_path / "rows.csv.gz"
    source.write_bytes(gzip.compress((FLIGHTS / "rows.csv").read_bytes().replace(b"\n", b"\r\n"), 1))
    shard = ["shard", str(source), f"{tmp_path}/shard", "--target-size", "150kB", "--quiet"]
    assert main([*shard, "--compress", "gzip"] if packed else shard) == 0
    job = [
        "transform",
        "--model",
        MODEL,
        "--input",
        f"{tmp_path}/shard/parts",
        "--output",
        f"{tmp_path}/out",
        "--quiet",
    ]
    assert main([*job, "--compression-type", "Gzip"] if packed else job) == 0
    assert len(list((tmp_path / "out").iterdir())) == 6
    assert main(["gather", f"{tmp_path}/shard", f"{tmp_path}/out", "-o", f"{tmp_path}/all", "--quiet"]) == 0
    assert main(["predict", MODEL, str(FLIGHTS / "rows.csv"), "-o", f"{tmp_path}/expected"]) == 0
    assert (tmp_path / "all").read_bytes() == (tmp_path / "expected").read_bytes()


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    rows = (FLIGHTS / "rows.csv").read_bytes()
    repeats = MEGABYTES * 1_000_000 // len(rows)
    with (tmp_path / "rows.csv").open("wb") as file:
        for _ in range(repeats):
            file.write(rows)
    run = [sys.executable, "-c", CHILD]
    shard = [*run, "shard", f"{tmp_path}/rows.csv", f"{tmp_path}/shard", "--target-size", "40MB", "--quiet"]
    status, peak = map(int, subprocess.check_output(shard).split())
    assert (status, len(list((tmp_path / "shard" / "parts").iterdir()))) == (0, 4)
    assert peak < 70, peak  # 46 were seen
    (tmp_path / "out").mkdir()
    for path in (tmp_path / "shard" / "parts").iterdir():  # answers as long as the rows
        (tmp_path / "out" / f"{path.name}.out").hardlink_to(path)
    gather = [*run, "gather", f"{tmp_path}/shard", f"{tmp_path}/out", "-o", f"{tmp_path}/all", "--quiet"]
    status, peak = map(int, subprocess.check_output(gather).split())
    assert (status, (tmp_path / "all").stat().st_size) == (0, repeats * len(rows))
    assert peak < 45, peak  # 26 were seen
    status, peak = map(int, subprocess.check_output([*gather, "--join-input"]).split())
    assert (status, (tmp_path / "all").stat().st_size) == (0, 2 * repeats * len(rows))
    assert peak < 45, peak


def test_other_commands_do_not_pay_for_it() -> None:
    code = "import sys, fasttrees.cli; print(sorted({'numpy', 'pyarrow', 'fasttrees.sharding'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
