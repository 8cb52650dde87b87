"""What is answered to which request: SageMaker's routes, the multi-model routes, and metrics."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor

from fasttrees._runtime.heap import release_memory
from fasttrees._sagemaker.contract import EXECUTION_PARAMETERS, INVOCATIONS, JSON, MODELS_DIRECTORY, PING
from fasttrees.serving.errors import RequestError
from fasttrees.serving.log import Log
from fasttrees.serving.message import Disconnected, Request, Response
from fasttrees.serving.metrics import Metrics
from fasttrees.serving.models import Models, ServedModel
from fasttrees.serving.scoring import Scoring
from fasttrees.serving.settings import Settings

__all__ = ["App"]

TEXT = "text/plain; charset=utf-8"
MAX_JSON = 1 << 16  # bytes of a request that says which model to load
MAX_ID = 128
QUIET = (PING, "/models", "/metrics", EXECUTION_PARAMETERS)  # asked again and again; logged below info
UNLOAD_SECONDS = 60  # how long the requests that a model still answers may hold it


class App:
    """Answers requests.

    Parameters
    ----------
    settings : Settings
    served : ServedModel or None
        The only model; None on a multi-model endpoint.
    pool : concurrent.futures.Executor
        Threads that score.
    log : Log
    models_directory : str
        Where the models of a multi-model endpoint are.
    """

    def __init__(
        self,
        settings: Settings,
        served: ServedModel | None,
        pool: Executor,
        log: Log,
        models_directory: str = MODELS_DIRECTORY,
    ) -> None:
        self._settings = settings
        self._served = served
        self._models = Models(settings, models_directory)
        self._pool = pool
        self._log = log
        self._metrics = Metrics()
        self._id = os.urandom(4).hex()
        self._n_requests = 0
        self.count_connections: Callable[[], int] = lambda: 0

    # -- what connections ask for --------------------------------------------------------------------------------------

    def answer_now(self, request: Request) -> Response | None:
        """Answer a request whose small body is here, if that takes next to no time."""
        exchange = _Exchange(self._next_id(request), request)
        try:
            route, name = self._route(request)
            exchange.route = route
            if route in (INVOCATIONS, "/models/{}/invoke"):
                self._check_size(request)
                scoring = exchange.begin(self._find(name), self._settings)
                body = request.peek()
                if not scoring.is_quick(body):
                    return None
                scoring.work(body, True)
                response = exchange.scored()
            elif route in ("POST /models", "DELETE /models/{}"):
                return None
            else:
                response = self._answer_simply(route, name, request)
        except Exception as error:
            response = self._answer_error(error, exchange)
        return self._finish(exchange, response)

    async def answer(self, request: Request) -> Response:
        """Answer any request."""
        exchange = _Exchange(self._next_id(request), request)
        served = None
        try:
            route, name = self._route(request)
            exchange.route = route
            if route in (INVOCATIONS, "/models/{}/invoke"):
                served = self._find(name)
                served.n_users += 1
                await self._score(served, request, exchange)
                response = exchange.scored()
            elif route == "POST /models":
                response = await self._load(await self._read_json(request))
            elif route == "DELETE /models/{}":
                response = await self._unload(name)
            else:
                response = self._answer_simply(route, name, request)
        except Disconnected:
            fields = exchange.log_fields()
            self._log.write("warning", "disconnected", **fields)
            raise
        except Exception as error:
            response = self._answer_error(error, exchange)
        finally:
            if served is not None:
                served.n_users -= 1
        return self._finish(exchange, response)

    def refuse(self, error: RequestError) -> Response:
        """Answer what is no request."""
        response = _error_response(error, "")
        self._metrics.count("none", error.status, response.size, 0)
        self._log.write("warning", "refused", status=error.status, **error.log_fields())
        return response

    # -- routes --------------------------------------------------------------------------------------------------------

    def _route(self, request: Request) -> tuple[str, str]:
        """Find what is asked for: a route, and the name of a model."""
        path, method = request.path, "GET" if request.method == "HEAD" else request.method
        if path == INVOCATIONS:
            return _only(request, method, "POST", path), ""
        if path in (PING, EXECUTION_PARAMETERS, "/metrics"):
            return _only(request, method, "GET", path), ""
        if self._served is None and path == "/models":
            return ("/models", "") if method == "GET" else (_only(request, method, "POST", "POST /models"), "")
        if self._served is None and path.startswith("/models/"):
            from urllib.parse import unquote  # here, as it takes memory that servers of one model need not

            name = unquote(path[len("/models/") :])
            if name.endswith("/invoke"):
                return _only(request, method, "POST", "/models/{}/invoke"), name[: -len("/invoke")]
            if method == "DELETE":
                return "DELETE /models/{}", name
            return _only(request, method, "GET", "/models/{}"), name
        raise RequestError(404, "no such path")

    def _find(self, name: str) -> ServedModel:
        if self._served is not None:
            return self._served
        if not name:
            raise RequestError(404, "a multi-model endpoint answers at /models/{model_name}/invoke")
        return self._models.get(name)

    def _answer_simply(self, route: str, name: str, request: Request) -> Response:
        if route == PING:  # the model was loaded before the port was opened
            return Response(200)
        if route == EXECUTION_PARAMETERS:
            return _json_response(self._settings.execution_parameters())
        if route == "/metrics":
            n_models = len(self._models) if self._served is None else 1
            text = self._metrics.text(self.count_connections(), n_models)
            return Response(200, text.encode(), Metrics.CONTENT_TYPE)
        if route == "/models/{}":
            return _json_response(_describe(self._models.get(name)))
        from urllib.parse import parse_qs

        models, token = self._models.page(parse_qs(request.query).get("next_page_token", [""])[0])
        answer: dict[str, object] = {"models": [_describe(served) for served in models]}
        return _json_response(answer | {"nextPageToken": token} if token else answer)

    # -- scoring -------------------------------------------------------------------------------------------------------

    async def _score(self, served: ServedModel, request: Request, exchange: _Exchange) -> None:
        declared = request.headers.get("content-length", "")
        self._check_size(request, int(declared) if declared.isdigit() else 0)
        scoring = exchange.begin(served, self._settings)
        loop, last = asyncio.get_running_loop(), False
        while not last:
            block, last = await request.read()
            self._check_size(request)
            await loop.run_in_executor(self._pool, scoring.work, block, last)

    def _check_size(self, request: Request, declared: int = 0) -> None:
        """Refuse a body that is larger than the settings allow, as soon as that is known."""
        limit, size = self._settings.max_content_length, max(request.n_bytes, declared)
        if limit is not None and size > limit:
            raise RequestError(413, "body too large", expected=f"at most {limit} bytes", actual=f"{size} bytes or more")

    # -- the multi-model routes ----------------------------------------------------------------------------------------

    async def _read_json(self, request: Request) -> dict[str, object]:
        data, last = await request.read()
        if not last or len(data) > MAX_JSON:
            raise RequestError(413, f"expected at most {MAX_JSON} bytes")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RequestError(400, f"expected a JSON object: {error}") from None
        if not isinstance(value, dict):
            raise RequestError(400, "expected a JSON object")
        return value

    async def _load(self, body: dict[str, object]) -> Response:
        name, url = self._models.reserve(body.get("model_name"), body.get("url"))
        began = time.perf_counter()
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._models.load, name, url)
        finally:
            self._models.settle(name)
        self._log.write("info", "loaded", model=name, url=url, seconds=round(time.perf_counter() - began, 6))
        return _json_response({"status": f"Model {name!r} loaded"})

    async def _unload(self, name: str) -> Response:
        served = self._models.remove(name)
        deadline = time.monotonic() + UNLOAD_SECONDS
        while served.n_users and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        del served  # the last reference: the service counts on the memory being free when it has the answer
        release_memory()
        self._log.write("info", "unloaded", model=name)
        return _json_response({"status": f"Model {name!r} unloaded"})

    # -- the end of an exchange ----------------------------------------------------------------------------------------

    def _next_id(self, request: Request) -> str:
        """Return the client's identifier of a request, or make one."""
        headers = request.headers
        own = headers.get("x-amzn-sagemaker-inference-id") or headers.get("x-request-id")
        if own and len(own) <= MAX_ID and own.isascii() and own.isprintable():
            return own
        self._n_requests += 1
        return f"{self._id}-{self._n_requests}"

    def _answer_error(self, error: Exception, exchange: _Exchange) -> Response:
        """Turn an exception into an answer that says no more than the client may know."""
        if isinstance(error, MemoryError):
            error = RequestError(503, "not enough memory")
        elif not isinstance(error, RequestError):
            self._log.exception("failure", error, request_id=exchange.id)
            error = RequestError(500, "internal error; the log has it under the request's id")
        # Their frames hold the exchange, the model, and the answer so far, which would wait for the garbage collector.
        exchange.error = error.with_traceback(None)
        error.__cause__ = error.__context__ = None
        return _error_response(error, exchange.request.headers.get("accept", ""))

    def _finish(self, exchange: _Exchange, response: Response) -> Response:
        """Count and log an answer."""
        request, scoring = exchange.request, exchange.scoring
        seconds = time.perf_counter() - request.received
        self._metrics.count(exchange.route, response.status, response.size, request.n_bytes)
        if scoring is not None:
            self._metrics.count_scoring(scoring.n_rows, scoring.n_bad_rows, seconds)
        level = "debug" if exchange.route in QUIET else "info"
        if response.status >= 400:
            level = "error" if response.status >= 500 else "warning"
        if self._log.wants(level):
            fields = exchange.log_fields()
            self._log.write(level, "request", status=response.status, **fields, bytes_out=response.size)
        response.headers = (*response.headers, ("X-Request-Id", exchange.id))
        return response


class _Exchange:
    """A request and what becomes of it, for the log."""

    def __init__(self, request_id: str, request: Request) -> None:
        self.id = request_id
        self.request = request
        self.route = "none"
        self.scoring: Scoring | None = None
        self.model: str | None = None
        self.error: RequestError | None = None

    def begin(self, served: ServedModel, settings: Settings) -> Scoring:
        self.model = served.name
        self.scoring = Scoring(served, self.request.headers, settings)
        return self.scoring

    def scored(self) -> Response:
        assert self.scoring is not None
        return Response(200, self.scoring.parts, self.scoring.content_type)

    def log_fields(self) -> dict[str, object]:
        request, scoring = self.request, self.scoring
        return {
            "request_id": self.id,
            "method": request.method,
            "path": request.path[:200],
            "model": self.model,
            "target_model": request.headers.get("x-amzn-sagemaker-target-model", "")[:200] or None,
            "rows": scoring.n_rows if scoring else None,
            "bad_rows": scoring.n_bad_rows or None if scoring else None,
            "bytes_in": request.n_bytes,
            "milliseconds": round((time.perf_counter() - request.received) * 1000, 3),
            **(self.error.log_fields() if self.error else {}),
        }


def _only(request: Request, method: str, allowed: str, route: str) -> str:
    if method != allowed:
        raise RequestError(405, f"{request.path}: expected method {allowed}, got {request.method}")
    return route


def _describe(served: ServedModel) -> dict[str, str | None]:
    return {"modelName": served.name, "modelUrl": served.url}


def _json_response(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), JSON)


def _error_response(error: RequestError, accept: str) -> Response:
    """Answer an error as JSON to who accepts JSON, else as a line of text."""
    if "json" in accept:
        return _json_response({"code": error.status, "message": str(error), **error.log_fields()}, error.status)
    return Response(error.status, f"{error}\n".encode("utf-8", "backslashreplace"), TEXT)
