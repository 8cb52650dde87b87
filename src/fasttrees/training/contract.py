"""SageMaker's contract for training: the folders and files below ``/opt/ml``."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasttrees._sagemaker.contract import CSV, FAILURE_LENGTH
from fasttrees.training.errors import TrainingError

__all__ = ["KNOWN", "Contract", "Schema", "read_schema"]

# Those of the built-in LightGBM, whose first channel has two names.
TRAIN = ("train", "training")
KNOWN = (*TRAIN, "validation", "schema")


class Contract:
    """The folders and files of a job.

    Parameters
    ----------
    root : Path
        ``/opt/ml``, or a folder with the same layout.
    """

    def __init__(self, root: Path) -> None:
        self._configuration = root / "input" / "config"
        self._data = root / "input" / "data"
        self._output = root / "output"
        self.model = root / "model"

    def hyperparameters(self) -> dict[str, str]:
        """Read the hyperparameters; none if there is no file.

        Raises
        ------
        TrainingError
            If it is no JSON object of strings, as the service always writes it.
        """
        path = self._configuration / "hyperparameters.json"
        values = _read_object(path, {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise TrainingError(f"{path}: {name}: expected a string, as SageMaker writes all values, got {value!r}")
        return values

    def check_hosts(self) -> None:
        """Reject more than one instance, because each would train a model of its own on its part of the data."""
        path = self._configuration / "resourceconfig.json"
        hosts = _read_object(path, {}).get("hosts", [])
        if len(hosts) > 1:
            raise TrainingError(f"{path}: hosts: expected one, got {len(hosts)}: set the job's InstanceCount to 1")

    def channels(self) -> dict[str, Path]:
        """Find the folder of each channel; ``training`` counts as ``train``.

        Raises
        ------
        TrainingError
            If there is no such folder or no channel to train on, or one that is not CSV in files.
        """
        path = self._configuration / "inputdataconfig.json"
        found: dict[str, Any] = {folder.name: {} for folder in sorted(self._data.glob("*")) if folder.is_dir()}
        channels = _read_object(path, found)
        for name, channel in channels.items():
            channel = channel if isinstance(channel, dict) else {}
            mode = channel.get("TrainingInputMode", "File")
            if mode == "Pipe":
                raise TrainingError(f"channel {name}: TrainingInputMode: expected File or FastFile, got {mode!r}")
            media = channel.get("ContentType") or CSV
            if name != "schema" and media.split(";")[0].strip() not in (CSV, "csv"):
                raise TrainingError(f"channel {name}: ContentType: expected text/csv, got {media!r}")
            if channel.get("RecordWrapperType", "None") != "None":
                raise TrainingError(
                    f"channel {name}: RecordWrapperType: expected None, got {channel['RecordWrapperType']!r}"
                )
            if not (self._data / name).is_dir():
                raise TrainingError(f"channel {name}: no folder {self._data / name}")
        train = [name for name in TRAIN if name in channels]
        if len(train) != 1:
            got = " and ".join(train) or ", ".join(channels) or "no channel"
            raise TrainingError(f"channels: expected one named train, or training; got {got}")
        return {"train" if name in TRAIN else name: self._data / name for name in channels}

    def write_failure(self, message: str) -> None:
        """Write the reason of a failure for the service; its first 1024 characters become FailureReason."""
        with suppress(OSError):  # it is in the log too
            self._output.mkdir(parents=True, exist_ok=True)
            (self._output / "failure").write_text(message[:FAILURE_LENGTH], encoding="utf-8")


@dataclass(frozen=True)
class Schema:
    """Names and kinds of the columns.

    Attributes
    ----------
    feature_names : list of str or None
        None: as many as the columns, with LightGBM's names, ``Column_0`` and so on.
    categorical : list of int
        Features that are categories, counted from 0 without the target.
    target : str
    classes : list of str
        Names of the classes 0, 1, ...; none for a target that is a number.
    """

    feature_names: list[str] | None = None
    categorical: tuple[int, ...] = ()
    target: str = "target"
    classes: tuple[str, ...] = ()


def read_schema(folder: Path | None) -> Schema:
    """Read ``schema.json`` of the channel ``schema``, which ``fasttrees pipeline prepare`` writes; absence is fine."""
    if folder is None:
        return Schema()
    path = folder / "schema.json"
    table = _read_object(path, None)
    names = table.get("feature_names")
    _expect(names is None or _are(str, names), path, "feature_names", "a list of strings", names)
    categorical = table.get("categorical", [])
    _expect(_are(int, categorical), path, "categorical", "a list of feature numbers", categorical)
    wrong = [index for index in categorical if not 0 <= index < (len(names) if names is not None else 1 << 31)]
    _expect(not wrong, path, "categorical", "numbers of features, from 0", wrong)
    target = table.get("target", "target")
    _expect(isinstance(target, str), path, "target", "a string", target)
    classes = table.get("classes") or []
    _expect(_are(str, classes), path, "classes", "a list of strings", classes)
    return Schema(names, tuple(categorical), target, tuple(classes))


def _expect(holds: bool, path: Path, key: str, expected: str, got: object) -> None:
    if not holds:
        raise TrainingError(f"{path}: {key}: expected {expected}, got {json.dumps(got)[:100]}")


def _are(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) and value is not True for value in values)


def _read_object(path: Path, default: dict[str, Any] | None) -> dict[str, Any]:
    """Read a JSON object; if there is no file, return the default if there is one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if default is not None:
            return default
        raise TrainingError(f"{path}: no such file") from error
    except ValueError as error:
        raise TrainingError(f"{path}: expected a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise TrainingError(f"{path}: expected a JSON object, got {json.dumps(value)[:100]}")
    return value
