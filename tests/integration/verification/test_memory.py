"""Five million rows take no more memory than fifty thousand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import fasttrees
from tests.support.builders import model_text, random_tree

BLOCK = 50_000
TIMES = 100
CODE = """
import json, resource, sys
from fasttrees.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    model = tmp_path / "model.txt"
    model.write_text(model_text([random_tree(rng, 8, 3) for _ in range(10)], 3))
    rows = rng.normal(size=(BLOCK, 3)).round(2)
    reference = fasttrees.load(model).predict(rows)
    reference[::1000] += 0.5  # many rows differ, and worse ones come late
    text = b"".join(f"{a},{b},{c}\n".encode() for a, b, c in rows.tolist())

    def measure(times: int) -> tuple[int, float]:
        with open(tmp_path / "rows.csv", "wb") as file, open(tmp_path / "reference.csv", "wb") as answers:
            for number in range(times):
                file.write(text)
                np.savetxt(answers, reference + number * 1e-7, "%.17g")
        arguments = ["verify", str(model), str(tmp_path / "rows.csv"), "--reference", str(tmp_path / "reference.csv")]
        command = [sys.executable, "-c", CODE, *arguments, "--explain", "--output", str(tmp_path / "report")]
        command.append("--quiet")
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=dict(os.environ)).stdout
        status, kilobytes = json.loads(output)
        assert status == 1
        result = json.loads((tmp_path / "report" / "verify.json").read_text())
        assert result["n_rows"] == times * BLOCK
        assert result["worst"][0]["row"] > (times - 1) * BLOCK
        return kilobytes, (tmp_path / "report" / "report.html").stat().st_size

    few, small_page = measure(1)
    many, large_page = measure(TIMES)
    assert many < few + (24 << 10)
    assert large_page < small_page + 50_000
