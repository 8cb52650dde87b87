"""The example notebook runs from top to bottom, and says what it promises."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples"


def outputs(notebook: Any) -> str:
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("text", "") or output.get("data", {}).get("text/html", ""))
    return "\n".join(texts)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*", "ignore::DeprecationWarning:zmq.*")
def test_notebook(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "flights", tmp_path / "flights")
    notebook = nbformat.reads((EXAMPLES / "pipeline.ipynb").read_text(), as_version=4)  # type: ignore[no-untyped-call]
    assert not outputs(notebook)  # none is kept in the repository: they would go stale
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = outputs(notebook)
    assert "wrote pipeline-notebook/flights.csv: 327,346 flights, 23 features" in text
    assert "fasttrees.Model" in repr(notebook)
    assert "truth:  " in text
    assert text.count("<iframe") == 2
    assert [line for line in text.splitlines() if line.endswith(" missing")] == [
        f"{step} missing" for step in ("prepare", "upload", "train", "deploy", "transform")
    ]
    assert not (tmp_path / "pipeline-notebook/work/prepared").exists()
