"""Make what is kept from one run to the next: trained models, and what engines make of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.catalogue import ENGINES
from benchmarks.environments import BUILD, REQUIREMENTS, ROOT, python_of
from benchmarks.workers import EngineError, Engines

MODELS = BUILD / "models"


@dataclass(frozen=True)
class Model:
    name: str

    @property
    def path(self) -> Path:
        return MODELS / f"{self.name}.txt"

    @property
    def rows(self) -> Path:
        return MODELS / f"{self.name}.rows.npy"


def train(names: list[str]) -> list[Model]:
    """Train the models that are not there yet."""
    models = [Model(name) for name in names]
    if missing := [model.name for model in models if not model.path.exists()]:
        subprocess.run([python_of("models"), "-m", "benchmarks.models", MODELS, *missing], check=True, cwd=ROOT)
    return models


def prepare(engines: Engines, models: list[Model], limit: float) -> None:
    """Let every engine compile or convert every model, once: what comes of it is kept, a failure too."""
    for model in models:
        for name in engines.names:
            prepare_one(engines, name, model, limit)


def prepare_one(engines: Engines, name: str, model: Model, limit: float) -> None:
    folder = prepared_folder(name, model)
    if (outcome := prepared(name, model)) and ("error" not in outcome or outcome["limit"] >= limit):
        return
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
    folder.mkdir(parents=True)
    with engines.start(name) as worker:
        try:
            outcome = worker("prepare", limit=limit, path=str(model.path), prepared=str(folder))
        except EngineError as error:
            outcome = {"error": str(error), "limit": limit}
    if ENGINES[name].compiles:
        print(f"{name} compiled {model.name}: {outcome}", flush=True)
    (folder / "outcome.json").write_text(json.dumps(outcome))


def prepared(name: str, model: Model) -> dict[str, Any]:
    """Return how long preparing took, or why it failed; empty before it was tried."""
    path = prepared_folder(name, model) / "outcome.json"
    outcome: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return outcome


def prepared_folder(name: str, model: Model) -> Path:
    """Return the folder of this engine, in this version, for this model, as it is trained now."""
    requirements = REQUIREMENTS / f"{ENGINES[name].requirements}.txt"
    module = ROOT / "benchmarks" / "engines" / f"{name}.py"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (model.path, requirements, module)))
    return BUILD / "prepared" / f"{name}-{model.name}-{digest.hexdigest()[:12]}"
