"""One request and its answer, without HTTP around them: what the tests of content types share."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

import fasttrees
from fasttrees.serving.answers import Answers, Encoder
from fasttrees.serving.batches import Options
from fasttrees.serving.content import Decoders, negotiate
from fasttrees.serving.predictions import Selection
from tests.support.builders import Matrix, model_text, random_tree

CSV, JSON, JSON_LINES, LIBSVM, NPY = (
    "text/csv", "application/json", "application/jsonlines", "text/libsvm", "application/x-npy",
)  # fmt: skip


def make_model(n_features: int = 4, n_classes: int = 1, objective: str | None = "binary sigmoid:1") -> fasttrees.Model:
    """Grow a small model of random trees."""
    rng = np.random.default_rng(n_features * 10 + n_classes)
    trees = [random_tree(rng, 8, n_features) for _ in range(3 * n_classes)]
    return fasttrees.loads(model_text(trees, n_features, n_classes, objective))


def exchange(
    model: fasttrees.Model,
    body: bytes,
    content_type: str | None = None,
    accept: str | None = None,
    *,
    output: str | None = None,
    threshold: float | None = None,
    options: Options | None = None,
    cuts: Iterable[int] = (),
) -> tuple[bytes, Encoder]:
    """Answer a body that comes in blocks, cut at the given places."""
    options = options or Options()
    decoder = Decoders(model, options).for_type(content_type)
    encoder = Answers(Selection.parse(output, threshold, model)).encoder(negotiate(accept), options.placeholder)
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(body)}), len(body)]
    parts = [encoder.begin()]
    for begin, end in itertools.pairwise(places):
        parts += [encoder.encode(item) for item in decoder.decode(body[begin:end], end == len(body))]
    return b"".join([*parts, encoder.end()]), encoder


def answer(model: fasttrees.Model, body: bytes, *args: str | None, **kwargs: object) -> bytes:
    """Return the answer alone."""
    return exchange(model, body, *args, **kwargs)[0]  # type: ignore[arg-type]


def predicted(model: fasttrees.Model, rows: Matrix | Sequence[Sequence[float]], **kwargs: object) -> bytes:
    """Write what Model.predict gives, as CSV."""
    scores = np.asarray(model.predict(np.asarray(rows, float), **kwargs))  # type: ignore[arg-type]
    lines = [",".join(map(number, row)) for row in np.atleast_2d(scores.T).T.tolist()]
    return "".join(line + "\n" for line in lines).encode()


def number(value: float) -> str:
    """Spell a number in the shortest digits, as to_chars does."""
    text = repr(value)
    return text.removesuffix(".0")
