"""The state file: what is done is kept, and damage is not taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasttrees.pipeline import JobFailedError, PipelineError
from fasttrees.pipeline.state import State, fingerprint


def test_a_step_that_is_done_is_read_back(tmp_path: Path) -> None:
    with State(tmp_path).recording("train", "key") as record:
        record.result = {"job": "a"}
        during = State(tmp_path).find("train")
        assert during is not None
        assert during.status == "running"
    after = State(tmp_path).find("train")
    assert after is not None
    assert (after.status, after.key, after.result) == ("done", "key", {"job": "a"})
    assert after.started <= after.ended


def test_only_a_failed_job_uses_up_its_name(tmp_path: Path) -> None:
    def fail(error: type[Exception], key: str = "key") -> int:
        attempts = []

        def step() -> None:
            with State(tmp_path).recording("train", key) as record:
                attempts.append(record.attempt)
                raise error("why")

        with pytest.raises(error, match="why"):
            step()
        failed = State(tmp_path).find("train")
        assert failed is not None
        assert (failed.status, failed.error) == ("failed", "why")
        return attempts[0]

    assert fail(PipelineError) == 0  # the network, say: the job may still run
    assert fail(JobFailedError) == 0
    assert fail(JobFailedError) == 1
    assert fail(PipelineError) == 2
    assert fail(PipelineError, "another key") == 0


def test_an_interrupted_step_stays_running(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), State(tmp_path).recording("train", "key"):
        raise KeyboardInterrupt
    record = State(tmp_path).find("train")
    assert record is not None
    assert record.status == "running"


@pytest.mark.parametrize("text", ["", "{", '{"version": 2}', '{"version": 1, "steps": {"train": {"status": "odd"}}}'])
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(PipelineError, match=r"state\.json: not a state that this version has written"):
        State(tmp_path)


def test_forgetting(tmp_path: Path) -> None:
    for step in ("train", "deploy"):
        with State(tmp_path).recording(step, "key"):
            pass
    state = State(tmp_path)
    state.forget("deploy")
    state.forget("deploy")
    assert State(tmp_path).find("deploy") is None
    assert State(tmp_path).find("train") is not None
    state.forget()
    assert state.find("train") is None
    assert State(tmp_path).find("train") is None
    state.forget()


def test_fingerprints_depend_on_values_alone() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert len({fingerprint(1), fingerprint("1"), fingerprint(1, 2), fingerprint([1, 2])}) == 4
