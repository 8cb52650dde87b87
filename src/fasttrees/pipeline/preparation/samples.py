"""Some rows of the test, raw and prepared, to ask an endpoint with."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fasttrees.pipeline.errors import ConfigError

__all__ = ["Sample", "read_samples", "write_samples"]


class Sample(BaseModel):
    """A row of the test.

    Attributes
    ----------
    cells : dict of str to (str or None)
        The raw row by column, without the target; None is missing.
    line : str
        What ``prepare`` made of it: its line in ``data/test/features``, without the line end.
    truth : str
        Its raw target.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: dict[str, str | None]
    line: str
    truth: str


_SAMPLES = TypeAdapter(list[Sample])


def read_samples(path: str | Path) -> list[Sample]:
    """Read ``samples.json``.

    Raises
    ------
    ConfigError
        If there is no such file, or it is not what ``prepare`` writes.
    """
    try:
        return _SAMPLES.validate_json(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `fasttrees pipeline prepare` writes it") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {error.errors()[0]['msg']}; run `fasttrees pipeline prepare` again") from error


def write_samples(path: Path, samples: list[Sample]) -> None:
    """Write ``samples.json``."""
    path.write_bytes(_SAMPLES.dump_json(samples, indent=1) + b"\n")
