"""What a comparison has found: all that was measured, as ``results.json`` holds it. Everything else follows from it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fasttrees._runtime.atomic_file import replacing
from fasttrees.comparison.errors import ComparisonError

__all__ = ["BASELINE", "OURS", "Agreement", "Bulk", "Contender", "Data", "Machine", "Memory", "OneRow", "PriceRow"]
__all__ += ["Results", "Settings", "Turn"]

OURS, BASELINE = "fasttrees", "python-container"


class Record(BaseModel):
    """What all records share: nothing unknown, nothing changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(Record):
    """Where the comparison ran."""

    processor: str
    cpus: int
    memory: int = Field(description="bytes")
    system: str
    python: str
    load_before: float = Field(description="load average of the last minute when the comparison began")
    niceness: int


class Settings(Record):
    """What the user asked for."""

    rounds: int
    seconds: float = Field(description="that a turn of requests lasts at least")
    workers: int = Field(description="of the Python container on all cores")
    quick: bool
    region: str
    rows_per_day: int = Field(description="that one job a day scores")
    fixed_minutes: float = Field(description="that a job is paid for besides scoring: an assumption")


class Data(Record):
    """Model and rows."""

    model: str
    model_bytes: int
    trees: int
    features: int
    objective: str
    rows: str
    n_rows: int
    row_bytes: int = Field(description="of all rows")
    bulk_rows: int = Field(description="that a pass of Batch Transform sends, the same rows again and again")
    bulk_bytes: int
    payload_mb: int = Field(description="bytes of a body at most, in 2^20")
    large_bytes: int = Field(description="of the body under which the peak of the memory is taken")


class Contender(Record):
    """One of the two servers."""

    how: str = Field(description='"image" or "processes"')
    image: str = ""
    image_id: str = ""
    image_bytes: int | None = None
    versions: list[str] = []


class Memory(Record):
    """Bytes of all processes of a server."""

    pss: int = Field(description="a page that n processes share counts a n-th for each")
    rss: int = Field(description="a shared page counts for each process: an upper bound")
    cgroup: int | None = Field(
        default=None, description="what the container's control group is charged, without idle files"
    )


class OneRow(Record):
    """Requests of one row, one after the other, on one connection."""

    requests: int
    p50: float = Field(description="seconds")
    p99: float


class Bulk(Record):
    """A local Batch Transform."""

    rows: int
    bytes: int
    seconds: float
    cpu_seconds: float = Field(description="of all processes of the server")

    @property
    def rows_per_second(self) -> float:
        """Rows for each second on the clock."""
        return self.rows / self.seconds


class Turn(Record):
    """The life of a server, from its start to its end."""

    round: int
    contender: str
    cores: int
    load_before: float
    start_seconds: float = Field(description="from the command to the first 200 of /ping")
    idle: Memory
    one_row: OneRow
    bulk: Bulk
    peak: Memory


class Agreement(Record):
    """How the answers of the two differ."""

    rows: int
    equal_rows: int = Field(description="all of whose numbers have the same bits")
    largest_difference: float


class PriceRow(Record):
    """A row of the price table, and what SageMaker takes the instance for."""

    instance: str
    component: str
    vcpu: int
    memory_gib: float
    usd_per_hour: float
    source: str
    date: str
    note: str
    accepted: dict[str, bool] = Field(description='"hosting" and "transform"')
    instead: dict[str, list[str]] = Field(description="where it is not accepted: types that are")


class Results(Record):
    """A whole comparison."""

    format: int = 1
    date: str
    machine: Machine
    settings: Settings
    data: Data
    contenders: dict[str, Contender]
    agreement: Agreement
    turns: list[Turn]
    prices: list[PriceRow]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Results:
        """Read ``results.json``.

        Raises
        ------
        ComparisonError
            With the file and the key that does not fit.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"])) or "whole file"
            raise ComparisonError(f"{path}: {place}: {problem['msg']}; expected a file of fasttrees compare") from error

    def write(self, path: str | PathLike[str]) -> None:
        """Write ``results.json``, whole or not at all."""
        with replacing(path) as file:
            file.write(self.model_dump_json(indent=1).encode() + b"\n")
