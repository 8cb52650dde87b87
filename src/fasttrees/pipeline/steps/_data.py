"""The data's steps: prepare and upload."""

from __future__ import annotations

from fasttrees.pipeline.backend import Upload
from fasttrees.pipeline.config import Config
from fasttrees.pipeline.context import Context
from fasttrees.pipeline.errors import ConfigError, PipelineError
from fasttrees.pipeline.preparation import prepare_table
from fasttrees.pipeline.progress import Progress
from fasttrees.pipeline.results import Prepared, Uploaded
from fasttrees.pipeline.state import Record

__all__ = ["check_data", "prepare", "upload"]

#: Jobs take all that lies below these for data.
DATA_PREFIXES = ("data/train/", "data/validation/", "data/test/")


def prepare(config: Config, progress: Progress | None = None) -> Prepared:
    """Turn the raw table into headerless CSV, the target first."""
    context = Context(config, progress)
    folder = config.prepared_folder

    def there(done: Prepared) -> bool:
        names = [done.schema_file, done.samples_file, *done.train, *done.validation, *done.test, *done.features]
        return all((folder / name).is_file() for name in names)

    def work(record: Record) -> Prepared:
        return prepare_table(config.raw_files, config.prepare, folder, context.progress)

    return context.do("prepare", Prepared, there, work)


def upload(config: Config, progress: Progress | None = None) -> Uploaded:
    """Put the raw table and what was prepared into the bucket."""
    context = Context(config, progress)
    prepared = context.need("prepare", Prepared)
    raw = [Upload(path, f"data/raw/{path.name}") for path in config.raw_files]
    if len({item.key for item in raw}) < len(raw):
        raise ConfigError("prepare.raw: expected files of different names, for they go to one place in the bucket")
    names = [
        *[prepared.schema_file, prepared.samples_file],
        *[*prepared.train, *prepared.validation, *prepared.test, *prepared.features],
    ]
    files = raw + [Upload(config.prepared_folder / name, name) for name in names]

    def there(done: Uploaded) -> bool:
        return _is_data_there(context, done)

    def work(record: Record) -> Uploaded:
        backend = context.backend
        backend.create_bucket(context.progress)
        for item in files:
            if not item.path.is_file():
                raise PipelineError(f"{item.path}: no such file; `fasttrees pipeline prepare` reads or writes it")
        n_sent = backend.upload(files, context.progress)
        for prefix in DATA_PREFIXES:
            backend.remove_others(prefix, {item.key for item in files}, context.progress)
        n_bytes = sum(item.path.stat().st_size for item in files)
        context.progress.say(f"{len(files)} files in {backend.bucket_uri}, {n_bytes / 1e6:,.1f} MB; {n_sent} sent")
        return Uploaded(bucket=backend.bucket_uri, keys=[item.key for item in files], n_bytes=n_bytes, n_sent=n_sent)

    return context.do("upload", Uploaded, there, work)


def check_data(context: Context) -> None:
    """Refuse to begin a job on other data than upload has put into the bucket, such as another pipeline's."""
    if not _is_data_there(context, context.need("upload", Uploaded)):
        raise PipelineError(
            f"{context.backend.bucket_uri}/data/: is no longer what upload has put there; is it another pipeline's, "
            "too? `fasttrees pipeline upload` puts this one's there again"
        )


def _is_data_there(context: Context, done: Uploaded) -> bool:
    """Tell whether the bucket has what was uploaded, by names and sizes, and jobs would find nothing else."""
    sizes = context.backend.find_objects("data/")
    found = {key for key in sizes if key.startswith(DATA_PREFIXES) and not key.endswith("/")}
    wanted = set(done.keys)
    return found <= wanted <= sizes.keys() and sum(sizes[key] for key in wanted) == done.n_bytes
