"""Tags identify what a pipeline has created."""

from __future__ import annotations

from typing import Any

from fasttrees.pipeline import Config
from fasttrees.pipeline.aws.tags import add_tags, are_own, own_tags, tag_list


def config(**aws: Any) -> Config:
    return Config.model_validate({"pipeline": {"project": "flights", "experiment": "one"}, "aws": aws})


def test_tags_prove_project_and_experiment() -> None:
    tags = tag_list(config(tags={"team": "data", "fasttrees:project": "stolen"}))
    assert {"Key": "team", "Value": "data"} in tags
    assert are_own(tags, config())
    for missing in own_tags(config()):
        assert not are_own([tag for tag in tags if tag["Key"] != missing], config())
    assert not are_own(tags, Config.model_validate({"pipeline": {"project": "flights", "experiment": "two"}}))
    kept = add_tags([{"Key": "cost", "Value": "7"}], config())
    assert {"Key": "cost", "Value": "7"} in kept
    assert are_own(kept, config())
