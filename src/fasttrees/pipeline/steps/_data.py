"""The steps for data: prepare and upload."""

from __future__ import annotations

from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.errors import ConfigError, PipelineError
from fasttrees.pipeline.preparation import prepare_table
from fasttrees.pipeline.results import Prepared, Uploaded

__all__ = ["check_data", "prepare", "upload"]

#: Jobs read everything below these as data.
DATA_PREFIXES = ("data/train/", "data/validation/", "data/test/")


def prepare(context: Context) -> Prepared:
    """Turn the raw table into headerless CSV, the target first."""
    config = context.config
    if earlier := context.reuse("prepare", Prepared, _are_files_there):
        return earlier
    with context.recording("prepare") as record:
        return record.finish(prepare_table(config.raw_files, config.prepare, config.prepared_folder, context.progress))


def _are_files_there(context: Context, done: Prepared) -> bool:
    names = [done.schema_file, done.samples_file, *done.train, *done.validation, *done.test, *done.features]
    return all((context.config.prepared_folder / name).is_file() for name in names)


def upload(context: Context) -> Uploaded:
    """Put the raw table and what was prepared into the bucket."""
    files = _files_to_upload(context.config, context.require("prepare", Prepared))
    if earlier := context.reuse("upload", Uploaded, _is_data_there):
        return earlier
    with context.recording("upload") as record:
        backend, progress = context.backend, context.progress
        backend.create_bucket(progress)
        for item in files:
            if not item.path.is_file():
                raise PipelineError(f"{item.path}: no such file; `fasttrees pipeline prepare` reads or writes it")
        keys = [item.key for item in files]
        n_sent = backend.upload(files, progress)
        for prefix in DATA_PREFIXES:
            backend.remove_others(prefix, set(keys), progress)
        n_bytes = sum(item.path.stat().st_size for item in files)
        progress.say(f"{len(files)} files in {backend.bucket_uri}, {n_bytes / 1e6:,.1f} MB; {n_sent} sent")
        return record.finish(Uploaded(bucket=backend.bucket_uri, keys=keys, n_bytes=n_bytes, n_sent=n_sent))


def _files_to_upload(config: Config, prepared: Prepared) -> list[Upload]:
    raw = [Upload(path, f"data/raw/{path.name}") for path in config.raw_files]
    if len({item.key for item in raw}) < len(raw):
        raise ConfigError("prepare.raw: expected files of different names, because they go to one place in the bucket")
    names = [
        *[prepared.schema_file, prepared.samples_file],
        *[*prepared.train, *prepared.validation, *prepared.test, *prepared.features],
    ]
    return raw + [Upload(config.prepared_folder / name, name) for name in names]


def check_data(context: Context) -> None:
    """Refuse to begin a job on other data than upload has put into the bucket, such as that of another pipeline."""
    if not _is_data_there(context, context.require("upload", Uploaded)):
        raise PipelineError(
            f"{context.backend.bucket_uri}/data/: is no longer what upload has put there; is it another pipeline's, "
            "too? `fasttrees pipeline upload` puts this one's there again"
        )


def _is_data_there(context: Context, done: Uploaded) -> bool:
    """Return whether the bucket has what was uploaded, by names and sizes, and nothing else that jobs would read."""
    sizes = context.backend.find_objects("data/")
    found = {key for key in sizes if key.startswith(DATA_PREFIXES) and not key.endswith("/")}
    wanted = set(done.keys)
    return found <= wanted <= sizes.keys() and sum(sizes[key] for key in wanted) == done.n_bytes
