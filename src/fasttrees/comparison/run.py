"""The rounds: both servers in turn, on one core and on all."""

from __future__ import annotations

import datetime
import filecmp
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import fasttrees
from fasttrees._aws.prices import Component, PriceTable, accepted_instances, near_instances
from fasttrees._runtime.progress import SILENT, Progress
from fasttrees.comparison.agreement import compare_answers
from fasttrees.comparison.errors import ComparisonError
from fasttrees.comparison.machine import describe_machine
from fasttrees.comparison.results import BASELINE, OURS, Agreement, Data, PriceRow, Results, Settings, Turn
from fasttrees.comparison.rows import Bodies, make_bodies
from fasttrees.comparison.servers import ServerKind
from fasttrees.comparison.turn import take_turn

__all__ = ["compare", "price_rows"]

COMPONENTS: tuple[Component, ...] = ("hosting", "transform")


def compare(
    model: Path,
    rows: Path,
    kinds: Mapping[str, ServerKind],
    settings: Settings,
    prices: list[PriceRow],
    progress: Progress = SILENT,
) -> Results:
    """Measure both servers.

    Parameters
    ----------
    model : Path
    rows : Path
        CSV without a header.
    kinds : mapping of str to ServerKind
        By the names :data:`OURS` and :data:`BASELINE`.
    settings : Settings
    prices : list of PriceRow
    progress : Progress

    Raises
    ------
    ComparisonError
        If a server does not start or answer, or the two answer differently.
    """
    machine = describe_machine()
    loaded = fasttrees.load(model)
    cpus = sorted(os.sched_getaffinity(0))
    placements = [cpus[:1], cpus] if len(cpus) > 1 else [cpus]
    with tempfile.TemporaryDirectory(prefix="fasttrees-compare-") as name:
        folder = Path(name)
        bodies = make_bodies(rows, folder, len(cpus), settings.quick)
        contenders = {key: kind.describe() for key, kind in kinds.items()}
        turns: list[Turn] = []
        agreement: Agreement | None = None
        for number in range(settings.rounds):
            order = [OURS, BASELINE] if number % 2 == 0 else [BASELINE, OURS]
            for placement in placements:
                for key in order:
                    progress.say(f"round {number + 1} of {settings.rounds}: {key}, {_cores(len(placement))}")
                    workers = settings.workers if placement is placements[-1] else 1
                    out = folder / key
                    turns.append(take_turn(number, key, kinds[key], placement, workers, bodies, settings.seconds, out))
                    _check_answers(out, bodies)
                if agreement is None:
                    answers = [folder / key / f"{bodies.bulk.name}.out" for key in (OURS, BASELINE)]
                    agreement = compare_answers(*answers)
        assert agreement is not None
        return Results(
            date=str(datetime.datetime.now(datetime.timezone.utc).date()),
            machine=machine,
            settings=settings,
            data=_describe(model, loaded, rows, bodies),
            contenders=contenders,
            agreement=agreement,
            turns=turns,
            prices=prices,
        )


def _check_answers(out: Path, bodies: Bodies) -> None:
    """Check that a server answers as it did in its first turn."""
    answer = out / f"{bodies.bulk.name}.out"
    first = out / "first"
    if not first.exists():
        os.link(answer, first)  # later answers take another file's place
    elif not filecmp.cmp(first, answer, shallow=False):
        raise ComparisonError(f"{out.name}: expected the same answers in each round, got others")


def _describe(model: Path, loaded: fasttrees.Model, rows: Path, bodies: Bodies) -> Data:
    return Data(
        model=model.name,
        model_bytes=model.stat().st_size,
        trees=loaded.num_trees(),
        features=loaded.num_feature(),
        objective=loaded.objective or "",
        rows=rows.name,
        n_rows=bodies.n_rows,
        row_bytes=bodies.row_bytes,
        bulk_rows=bodies.n_bulk_rows,
        bulk_bytes=bodies.bulk.stat().st_size,
        payload_mb=bodies.payload_mb,
        large_bytes=bodies.large.stat().st_size,
    )


def price_rows(table: PriceTable, region: str) -> list[PriceRow]:
    """Return a region's prices, with what SageMaker takes each instance for."""
    accepted = {component: accepted_instances(component) for component in COMPONENTS}
    rows = []
    for price in table.in_region(region):
        takes: dict[str, bool] = {use: price.instance in accepted[use] for use in COMPONENTS}
        instead: dict[str, list[str]] = {
            use: near_instances(price.instance, use, 6) for use in COMPONENTS if not takes[use]
        }
        rows.append(PriceRow(**price.model_dump(exclude={"region"}), accepted=takes, instead=instead))
    return rows


def _cores(n: int) -> str:
    return "1 core" if n == 1 else f"{n} cores"
