"""``fasttrees serve``: the container's server without a container."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from fasttrees._sagemaker.contract import BIND_TO_PORT, MULTI_MODEL
from fasttrees.errors import InputError

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add ``serve`` to the commands."""
    parser = commands.add_parser(
        "serve",
        help="answer HTTP requests as Amazon SageMaker's containers do",
        description="Serves a model at /invocations; the environment variables of docs/how-to/serving.md hold as well.",
        allow_abbrev=False,
    )
    parser.add_argument("--model", metavar="MODEL", help="model file, or a directory with one (default: $MODEL_PATH)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine)")
    parser.add_argument("--port", metavar="N", help="default: $SAGEMAKER_BIND_TO_PORT, else 8080; 0: any that is free")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    # Imported here: no other command needs them.
    from dataclasses import replace

    try:
        from fasttrees.serving.server import serve
    except ModuleNotFoundError as error:
        raise InputError(f"{error}: install fasttrees-lightgbm[serve]") from error
    from fasttrees.serving.settings import Settings

    environment = dict(os.environ)
    if args.model is not None:
        environment["MODEL_PATH"] = args.model
        for name in ("MODEL_S3_BUCKET", "MODEL_S3_KEY", MULTI_MODEL):
            environment.pop(name, None)
    if args.port not in (None, "0"):
        environment[BIND_TO_PORT] = args.port
    settings = Settings.from_environment(environment)
    if args.port == "0":
        settings = replace(settings, port=0)
    address = f"[{args.host}]" if ":" in args.host else args.host

    def announce(port: int) -> None:
        print(f"fasttrees: serving at http://{address}:{port}/invocations; Ctrl-C ends", file=sys.stderr, flush=True)

    serve(settings, args.host, announce)
