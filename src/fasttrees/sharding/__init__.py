"""A table as objects, for a Batch Transform on many instances, and its answers as one file: docs/how-to/shard.md."""

from fasttrees.sharding._errors import ShardError
from fasttrees.sharding._gather import Gathered, gather
from fasttrees.sharding._manifest import Manifest, Options, Part, Source
from fasttrees.sharding._shard import Sharded, shard

__all__ = ["Gathered", "Manifest", "Options", "Part", "ShardError", "Sharded", "Source", "gather", "shard"]
