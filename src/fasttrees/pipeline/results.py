"""What the steps return, and what the state file keeps of them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

__all__ = [
    "CleanedUp",
    "Deployed",
    "Invoked",
    "Prepared",
    "Resource",
    "Result",
    "Trained",
    "Transformed",
    "Uploaded",
]


class Result(BaseModel):
    """What a step returns; JSON in the state file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def summary(self) -> str:
        """Return a summary of a few lines."""
        raise NotImplementedError


class Prepared(Result):
    """Files of prepare, by the path that they have below the prepared folder, which is their key in the bucket, too.

    Attributes
    ----------
    schema_file : str
        ``data/schema.json``: what was done to the columns; see :class:`fasttrees.pipeline.preparation.Schema`.
    samples_file : str
        ``data/test/samples.json``: some raw rows of the test, as they were prepared, with their truth.
    train, validation, test : list of str
        Headerless CSV, target first: ``data/train/part-00000.csv``, ``data/validation/...``,
        ``data/test/labelled/...``.
    features : list of str
        The rows of `test` in their order, without the target: ``data/test/features/part-00000.csv``, ...
    n_train, n_validation, n_test : int
        Rows.
    n_features : int
    n_classes : int
        Of a target of classes; 0: the target is a number.
    """

    schema_file: str
    samples_file: str
    train: list[str]
    validation: list[str]
    test: list[str]
    features: list[str]
    n_train: int
    n_validation: int
    n_test: int
    n_features: int
    n_classes: int

    def summary(self) -> str:
        """Summarise the numbers of rows and columns."""
        n_rows = self.n_train + self.n_validation + self.n_test
        target = f"{self.n_classes} classes" if self.n_classes else "a number"
        return (
            f"{n_rows:,} rows: {self.n_train:,} train, {self.n_validation:,} validation, {self.n_test:,} test; "
            f"{self.n_features} features; target: {target}"
        )


class Uploaded(Result):
    """What upload put into the bucket.

    Attributes
    ----------
    bucket : str
        URI.
    keys : list of str
        All objects of the pipeline's data, those that were there already too.
    n_bytes : int
        Of all of them.
    n_sent : int
        Objects sent this time.
    """

    bucket: str
    keys: list[str]
    n_bytes: int
    n_sent: int

    def summary(self) -> str:
        """Summarise what is where."""
        return f"{len(self.keys)} files, {self.n_bytes / 1e6:,.1f} MB, in {self.bucket}; {self.n_sent} sent"


class Trained(Result):
    """A training job that has ended well.

    Attributes
    ----------
    job : str
        Its name.
    artifact_uri : str
        ``model.tar.gz``.
    model_uri : str
        ``{project}/{experiment}/model.txt``; empty if the artefact holds no ``model.txt``.
    metrics : dict of str to float
        Last value of each.
    report : str
        Path of the report's page on this machine; empty if the image wrote none.
    seconds : float
        That are paid for.
    """

    job: str
    artifact_uri: str
    model_uri: str
    metrics: dict[str, float]
    report: str
    seconds: float

    def summary(self) -> str:
        """Summarise the model's metrics and where it is."""
        lines = [f"{self.job}: {_numbers(self.metrics)}; {self.seconds:.1f} s", self.model_uri or self.artifact_uri]
        return "\n".join([*lines, self.report] if self.report else lines)


class Deployed(Result):
    """An endpoint in service.

    Attributes
    ----------
    endpoint : str
        Its name.
    location : str
        ARN, or URL of the local server.
    """

    endpoint: str
    location: str

    def summary(self) -> str:
        """Summarise where it answers."""
        return f"{self.endpoint} in service: {self.location}"


class Invoked(Result):
    """One sample with its answer.

    Attributes
    ----------
    sample : dict
        Raw cells by column; empty if a prepared row was sent.
    body : str
        What was sent.
    answer : str
    truth : str
        Target of the raw table; empty if it is not known.
    """

    sample: dict[str, str | None]
    body: str
    answer: str
    truth: str

    def summary(self) -> str:
        """Show the sample, the answer and the truth."""
        cells = [f"  {name}: {'' if cell is None else cell}" for name, cell in self.sample.items()]
        return "\n".join(
            [*cells, f"sent:   {self.body}", f"answer: {self.answer}", f"truth:  {self.truth or 'unknown'}"]
        )


class Transformed(Result):
    """A Batch Transform over the test rows, scored.

    Attributes
    ----------
    job : str
    output_uri : str
        Prefix of the ``.out`` objects.
    n_rows : int
    metrics : dict of str to float
        By the model's objective.
    report : str
        Path of the report's page on this machine.
    joined : str
        Path of the CSV file with the answers behind the test's rows.
    seconds : float
        That are paid for.
    """

    job: str
    output_uri: str
    n_rows: int
    metrics: dict[str, float]
    report: str
    joined: str
    seconds: float

    def summary(self) -> str:
        """Summarise the predictions' metrics and where they are."""
        first = f"{self.n_rows:,} rows in {self.seconds:.1f} s: {_numbers(self.metrics)}"
        return "\n".join([first, self.joined, self.report])


class Resource(Result):
    """Something that the pipeline has created.

    Attributes
    ----------
    kind : str
        ``endpoint``, ``endpoint-config``, ``model``, ``training-job``, ``transform-job``, ``objects``, ``bucket``,
        ``log-stream``, ``log-group``; local: ``endpoint``, ``training-job``, ``objects``, ``bucket``; with both,
        ``prepared``.
    name : str
    detail : str
        What else people want to know: its state, how many objects.
    """

    kind: str
    name: str
    detail: str = ""

    def summary(self) -> str:
        """Describe the resource."""
        return f"{self.kind:16} {self.name}  {self.detail}".rstrip()


class CleanedUp(Result):
    """What cleanup has done.

    Attributes
    ----------
    deleted : list of Resource
    kept : list of Resource
        What was found under the pipeline's names but does not carry its tags, or cannot be deleted.
    """

    deleted: list[Resource]
    kept: list[Resource]

    def summary(self) -> str:
        """Summarise what was deleted and what is left."""
        left = "".join(f"\nkept: {resource.summary()}" for resource in self.kept)
        return f"deleted {len(self.deleted)}: {', '.join(item.name for item in self.deleted) or 'nothing'}{left}"


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in values.items()) or "no metrics"
