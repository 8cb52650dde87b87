"""``fasttrees transform``: a local Batch Transform."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from fasttrees._sagemaker import contract
from fasttrees.cli._progress import TerminalProgress

if TYPE_CHECKING:
    from fasttrees._sagemaker.batch_transform import Job, Server

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add ``transform`` to the commands."""
    parser = commands.add_parser(
        "transform",
        help="send files to a model server as Amazon SageMaker's Batch Transform does",
        description="Send files to a model server as Amazon SageMaker's Batch Transform does. Options are named after "
        "the API of CreateTransformJob.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--input", required=True, metavar="PATH", help="file, or directory to walk")
    add("--output", required=True, metavar="DIR", help="directory for the answers: names are kept, .out is added")
    add("--image", help="container image to start; --model is mounted into it")
    add("--model", metavar="PATH", help="model file; without --image, this package's own server is started for it")
    add("--url", help="running server, http://HOST:PORT")
    add("--env", action="append", default=[], type=_variable, metavar="NAME=VALUE", help="variable for the server")
    add("--network", help="network of the container, such as host (default: Docker's own; the port is published)")
    add("--content-type", default=contract.CSV, metavar="TYPE", help=f"type of the files (default {contract.CSV})")
    add("--accept", metavar="TYPE", help="type of the answers (default: the server's)")
    add("--compression-type", choices=["None", "Gzip"], default="None", help="Gzip: files are unpacked")
    add("--split-type", choices=["None", "Line"], default="Line", help="None: a file is one request (default Line)")
    add("--batch-strategy", choices=list(contract.STRATEGIES), help="default: ask the server")
    add("--assemble-with", choices=["None", "Line"], default="None", help="Line: end each answer's last line")
    add(
        "--join-source",
        choices=["None", "Input"],
        default="None",
        help="Input: put the input's columns first",
    )
    add(
        "--max-payload-in-mb",
        type=_number(0, contract.MAX_PAYLOAD_MB),
        metavar="N",
        help="largest request; 0: whole files, chunked (default: ask the server, else 6)",
    )
    add(
        "--max-concurrent-transforms",
        type=_number(0, 1 << 10),
        default=0,
        metavar="N",
        help="requests at the same time (default, and 0: ask the server, else 1)",
    )
    add(
        "--invocations-timeout",
        type=_number(1, contract.MAX_INVOCATION_TIMEOUT),
        default=contract.INVOCATION_TIMEOUT,
        metavar="SECONDS",
        help=f"for one request (default {contract.INVOCATION_TIMEOUT})",
    )
    add(
        "--max-retries",
        type=_number(0, contract.MAX_RETRIES),
        default=contract.MAX_RETRIES,
        metavar="N",
        help=f"more tries of a request (default {contract.MAX_RETRIES})",
    )
    add(
        "--start-timeout",
        type=_number(1, 3600),
        default=300,
        metavar="SECONDS",
        help="until /ping answers 200 (default 300)",
    )
    add("--json", action="store_true", help="print the summary as a JSON object")
    add("--quiet", action="store_true", help="no progress line and no summary")
    add("--verbose", action="store_true", help="show the log of the server that was started")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Run the job."""
    if args.url is not None and (args.image or args.model or args.env):
        args.usage_error("--url: the server runs already, so it goes without --image, --model and --env")
    if not (args.url or args.image or args.model):
        args.usage_error("one of --image, --model, --url is needed")
    if args.network is not None and not args.image:
        args.usage_error("--network needs --image")
    # Not above: the other commands need none of it.
    from fasttrees._sagemaker.batch_transform import Client, Job, ServerError, TransformError, find_objects, transform

    job = Job(
        content_type=args.content_type,
        accept=args.accept,
        split_lines=args.split_type == "Line",
        assemble_lines=args.assemble_with == "Line",
        join_input=args.join_source == "Input",
        gzip=args.compression_type == "Gzip",
        batch_strategy=args.batch_strategy,
        max_payload_mb=args.max_payload_in_mb,
        max_concurrent=args.max_concurrent_transforms,
        timeout=args.invocations_timeout,
        max_retries=args.max_retries,
    )
    objects = find_objects(args.input, args.output)
    with _server(args, job) as server, TerminalProgress(args.quiet) as progress:
        try:
            client = Client(server.url, job, server.check) if server else Client(args.url, job)
            summary = transform(objects, client, job, args.start_timeout, progress, _fail)
        except (ServerError, TransformError):
            if server and not args.verbose:
                for line in server.last_lines:
                    _show(line)
            raise
    if args.json:
        print(json.dumps(summary.as_dict()), flush=True)
    elif not args.quiet:
        print(summary.as_text(), flush=True)
    if summary.failed_files:
        raise TransformError(f"{summary.failed_files} of {summary.files} files failed")


def _server(args: argparse.Namespace, job: Job) -> AbstractContextManager[Server | None]:
    """Start the server that is asked for."""
    from fasttrees._sagemaker.batch_transform import container, local_server

    variables = job.environment() | dict(args.env)
    log: Callable[[str], None] = _show if args.verbose else lambda line: None
    if args.image:
        return container(args.image, args.model, args.network, variables, log)
    if args.model:
        return local_server(args.model, variables, log)
    return nullcontext()


def _show(line: str) -> None:
    _print(f"server: {line}")


def _fail(message: str) -> None:
    _print(f"fasttrees: error: {message}")


def _print(line: str) -> None:
    over_the_bar = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{over_the_bar}{line}", file=sys.stderr)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        with suppress(ValueError):
            if low <= int(text) <= high:
                return int(text)
        raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}, got {text!r}")

    return read
