"""A table is prepared in much less memory than it has."""

import subprocess
import sys
from pathlib import Path

MEGABYTES = 500

CHILD = """
import re, sys
from pathlib import Path
from fasttrees.pipeline import Silent
from fasttrees.pipeline.config import PrepareSettings
from fasttrees.pipeline.preparation import prepare_table

settings = PrepareSettings(split="time", split_column="at", normalize=True)
prepared = prepare_table([Path(sys.argv[1])], settings, Path(sys.argv[2]), Silent())
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(prepared.n_train + prepared.n_validation + prepared.n_test, int(peak.group(1)) // 1024)
"""


def test_a_table_larger_than_the_memory_used(tmp_path: Path) -> None:
    word = "a long name of a category " * 8
    rows = [f"{i % 2},{i},{i / 7!r},{word}{i % 40},{'ab'[i % 2] * 200}" for i in range(5000)]
    text = ("\n".join(rows) + "\n").encode()
    repeats = MEGABYTES * 1_000_000 // len(text)
    raw = tmp_path / "raw.csv"
    with raw.open("wb") as file:
        file.write(b"target,at,number,word,letters\n")
        for _ in range(repeats):
            file.write(text)
    command = [sys.executable, "-c", CHILD, str(raw), str(tmp_path)]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    n_rows, peak_megabytes = map(int, out.split())
    assert n_rows == repeats * 5000
    assert peak_megabytes < 300, peak_megabytes  # 200 to 240 were seen, 90 of them for imports alone
