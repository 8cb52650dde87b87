"""The models that a server has in memory: one, or on a multi-model endpoint those that the service asked for."""

from __future__ import annotations

import os
from bisect import bisect_right
from contextlib import suppress

import fasttrees
from fasttrees._runtime.heap import release_memory
from fasttrees.errors import ModelFormatError
from fasttrees.serving.answers import Answers
from fasttrees.serving.batches import Options
from fasttrees.serving.content import Decoders
from fasttrees.serving.errors import ModelSourceError, RequestError, SettingsError
from fasttrees.serving.memory import available_memory
from fasttrees.serving.predictions import Selection
from fasttrees.serving.settings import Settings
from fasttrees.serving.source import find_model

__all__ = ["Models", "ServedModel", "load_model"]

PAGE = 500  # models in one answer
MEMORY_FACTOR = 3  # loading takes the text and the model at once, and plans are made from it


class ServedModel:
    """A model that is ready to serve.

    Attributes
    ----------
    name : str or None
        What the service calls it; None for the only one.
    url : str
        Directory or file that it came from.
    decoders : Decoders
        What reads the bodies of requests to it.
    answers : Answers
        What is answered of its predictions.
    n_trees : int
    n_users : int
        Requests that it answers now.
    """

    def __init__(
        self, name: str | None, url: str, model: fasttrees.Model, decoders: Decoders, answers: Answers
    ) -> None:
        self.name = name
        self.url = url
        self.decoders = decoders
        self.answers = answers
        self.n_trees = model.num_trees()
        self.n_users = 0


def load_model(path: str, settings: Settings, name: str | None = None, url: str | None = None) -> ServedModel:
    """Load a model file and make everything that the first request would otherwise wait for.

    Raises
    ------
    ModelSourceError
        If it is not a whole and sound model, or cannot be read.
    SettingsError
        If the settings ask what this model cannot give.
    """
    try:
        model = fasttrees.load(path)
        _make_plans(model)  # of a compact file, this verifies the rest
    except ModelFormatError as error:
        raise ModelSourceError(f"{url or path}: not a model that LightGBM wrote, or damaged: {error}") from error
    except OSError as error:
        raise ModelSourceError(f"{url or path}: {error.strerror}") from error
    selection = Selection.parse(settings.inference_output, settings.prediction_threshold, model)
    options = Options(settings.csv_header, settings.bad_row_placeholder, settings.libsvm_index_base)
    release_memory()
    return ServedModel(name, url or path, model, Decoders(model, options), Answers(selection))


def _make_plans(model: fasttrees.Model) -> None:
    n_features = model.num_feature()
    for n_rows in (1, 64):  # few rows and many have plans of their own
        rows = memoryview(bytes(8 * n_rows * n_features)).cast("d", (n_rows, n_features)) if n_features else b""
        if n_features:
            scores = memoryview(bytearray(8 * n_rows * model.num_outputs())).cast("d")
            model.predict_into(rows, scores, n_threads=1)


class Models:
    """The models of a multi-model endpoint.

    Only the event loop's thread calls it, but for :meth:`load`, which runs in another.

    Parameters
    ----------
    settings : Settings
    directory : str
        Models are loaded from below it only.
    """

    def __init__(self, settings: Settings, directory: str) -> None:
        self._settings = settings
        self._directory = directory
        self._models: dict[str, ServedModel] = {}
        self._loading: dict[str, ServedModel | None] = {}

    def __len__(self) -> int:
        return len(self._models)

    def get(self, name: str) -> ServedModel:
        """Return a model that is loaded.

        Raises
        ------
        RequestError
            404 if it is not.
        """
        if name not in self._models:
            raise RequestError(404, f"Model not found: {name[:200]}")
        return self._models[name]

    def page(self, token: str) -> tuple[list[ServedModel], str | None]:
        """List models in the order of their names, those after `token`, and the token of the next page."""
        names = sorted(self._models)
        start = bisect_right(names, token)
        chosen = names[start : start + PAGE]
        more = start + PAGE < len(names)
        return [self._models[name] for name in chosen], chosen[-1] if more else None

    def reserve(self, name: object, url: object) -> tuple[str, str]:
        """Check a request to load a model, and keep others from loading the same.

        Raises
        ------
        RequestError
            400 if it names nothing that can be loaded, 409 if the model is there or on its way.
        """
        if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
            raise RequestError(400, "model_name: expected a name without '/'")
        if not isinstance(url, str) or not self._is_below(url):
            raise RequestError(400, f"url: expected a path below {self._directory}")
        if name in self._models or name in self._loading:
            raise RequestError(409, f"Model already loaded: {name[:200]}")
        self._loading[name] = None
        return name, url

    def load(self, name: str, url: str) -> None:
        """Load a model that was reserved, for :meth:`settle`.

        It is not returned: the futures of the thread and of the loop, which hold each other, would keep it until
        garbage is collected.

        Raises
        ------
        RequestError
            507 if there is not memory enough, 400 if there is no sound model, or it does not fit the settings.
        """
        try:
            path = find_model(url)
            needed = MEMORY_FACTOR * os.stat(path).st_size
            if needed > (available := available_memory()):
                raise MemoryError(f"{needed} bytes needed, {available} available")
            self._loading[name] = load_model(path, self._settings, name, url)
        except MemoryError as error:
            raise RequestError(507, f"not enough memory to load the model: {error}") from error
        except OSError as error:
            raise RequestError(400, f"{url}: {error.strerror}") from error
        except (ModelSourceError, SettingsError) as error:
            raise RequestError(400, str(error)) from error

    def settle(self, name: str) -> None:
        """Keep a model that was loaded, or free its name."""
        served = self._loading.pop(name)
        if served is not None:
            self._models[name] = served

    def remove(self, name: str) -> ServedModel:
        """Unload a model.

        Raises
        ------
        RequestError
            404 if it is not loaded.
        """
        served = self.get(name)
        del self._models[name]
        return served

    def _is_below(self, url: str) -> bool:
        with suppress(ValueError):  # a NUL character
            path = os.path.realpath(url)
            return path.startswith(os.path.realpath(self._directory) + os.sep)
        return False
