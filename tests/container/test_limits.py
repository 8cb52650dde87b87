"""The goals for size, memory and start, and containers that are granted as little as can be."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from tests.support.containers import FLIGHTS_MODEL, IMAGE, WITHOUT_RIGHTS, Container, docker, inspect
from tests.support.paths import FLIGHTS

ROWS = (FLIGHTS / "rows.csv").read_bytes()
PREDICTIONS = (FLIGHTS / "predictions.csv").read_bytes()
MEGABYTE = 1 << 20


def test_size() -> None:
    assert inspect(IMAGE, ".Size") <= 40_000_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read what another's memory holds")
def test_memory_of_an_idle_server() -> None:
    """The median of three, because it differs by 2 % from start to start.

    Nothing else runs from the image meanwhile, which would share pages with it.
    """
    assert statistics.median(idle_kilobytes() for _ in range(3)) * 1024 <= 20 * MEGABYTE


def idle_kilobytes() -> int:
    with Container(*FLIGHTS_MODEL) as container:
        container.wait()
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii") for pid in container.pids()]
    lines = [line.split() for text in texts for line in text.splitlines()]
    kilobytes = [int(words[1]) for words in lines if words[0] == "Pss:"]
    assert len(kilobytes) == 1  # one process
    return kilobytes[0]


def test_start() -> None:
    """From ``docker run`` to the first answer; the fastest of five, because the machine may be busy."""
    seconds = []
    for _ in range(5):
        with Container(*FLIGHTS_MODEL) as container:
            seconds.append(container.wait())
    assert min(seconds) < 0.5, seconds


def test_no_network_and_no_rights() -> None:
    with Container(*WITHOUT_RIGHTS, *FLIGHTS_MODEL, network="none") as container:
        container.wait()
        assert inspect(container.name, ".NetworkSettings.Networks").keys() == {"none"}
        rows, predictions = (b"".join(text.splitlines(keepends=True)[:100]) for text in (ROWS, PREDICTIONS))
        assert container.invoke(rows) == (200, predictions)
        assert container.stop() == 0


def test_little_memory() -> None:
    if docker("info", "--format", "{{.MemoryLimit}}") != "true\n":
        pytest.skip("this engine cannot limit memory")
    with Container(*WITHOUT_RIGHTS, *FLIGHTS_MODEL, "--memory=64m", "--memory-swap=64m") as container:
        container.wait()
        for _ in range(3):
            assert container.invoke(ROWS) == (200, PREDICTIONS)
        assert not inspect(container.name, ".State.OOMKilled")
