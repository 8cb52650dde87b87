"""Tags of everything that a pipeline creates: cleanup deletes nothing without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fasttrees.pipeline.config import Config

__all__ = ["add_tags", "are_own", "own_tags", "tag_list"]

PREFIX = "fasttrees:"


def own_tags(config: Config) -> dict[str, str]:
    """Return the tags that identify a pipeline: its creator, project and experiment."""
    return {
        f"{PREFIX}created-by": "fasttrees",
        f"{PREFIX}project": config.pipeline.project,
        f"{PREFIX}experiment": config.pipeline.experiment,
    }


def tag_list(config: Config) -> list[dict[str, str]]:
    """Return all tags of new resources, the user's included, in the form that S3, SageMaker and logs take."""
    return _listed({**config.aws.tags, **own_tags(config)})


def are_own(tags: Iterable[Mapping[str, str]], config: Config) -> bool:
    """Return whether tags, as the services list them, are those of this project and experiment."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    return own_tags(config).items() <= found.items()


def add_tags(tags: Iterable[Mapping[str, str]], config: Config) -> list[dict[str, str]]:
    """Return `tags` with those of the pipeline added, for services that replace all tags at once."""
    return _listed({tag["Key"]: tag["Value"] for tag in [*tags, *tag_list(config)]})


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
