"""``fasttrees pipeline``: from a raw table to predictions, and back to nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fasttrees.cli._asking import ask
from fasttrees.cli._progress import TerminalProgress
from fasttrees.errors import InputError

if TYPE_CHECKING:
    from fasttrees.pipeline import Config, Resource
    from fasttrees.pipeline.results import Result

__all__ = ["add_command"]

CONFIG = "pipeline.toml"
COSTLY = ("train", "deploy", "transform")
STEPS = {
    "prepare": "turn the raw table into headerless CSV, the target first, split into train, validation and test",
    "upload": "put the raw table and what was prepared into the bucket",
    "train": "train a model",
    "deploy": "bring an endpoint into service",
    "invoke": "ask the endpoint about one sample of the test",
    "transform": "score all test rows by a Batch Transform, and write a report",
    "run": "all of these, as far as they are missing",
}


def add_command(commands: Any) -> None:
    """Add ``pipeline`` to the commands."""
    description = "From a raw table to predictions, and back to nothing: on this machine or on Amazon SageMaker."
    parser = commands.add_parser("pipeline", help="from a raw table to predictions", description=description)
    steps = parser.add_subparsers(metavar="STEP", required=True)

    def add_step(name: str, text: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        step: argparse.ArgumentParser = steps.add_parser(name, help=text, description=f"{text}.", allow_abbrev=False)
        step.set_defaults(run=run, step=name)
        return step

    init = add_step("init", "write a configuration file with comments", _init)
    init.add_argument("file", nargs="?", default=CONFIG, metavar="FILE", help=f"default {CONFIG}")
    init.add_argument("--raw", action="append", metavar="FILE", help="the raw table: CSV or Parquet; may be repeated")
    init.add_argument("--target", metavar="COLUMN", help="what to predict")
    init.add_argument("--backend", choices=["local", "aws"], help="where it runs (default local)")

    parsers = {name: add_step(name, text, _step) for name, text in STEPS.items()}
    parsers["status"] = add_step("status", "say what is done and what there is", _status)
    cleanup = parsers["cleanup"] = add_step("cleanup", "delete what the pipeline has created", _cleanup)
    cleanup.add_argument("--all", action="store_true", help="the bucket, all in it, and what was prepared, too")
    cleanup.add_argument("--dry-run", action="store_true", help="only list what would be deleted")
    for name, step in parsers.items():
        step.add_argument("--config", default=CONFIG, metavar="FILE", help=f"configuration (default {CONFIG})")
        step.add_argument("--json", action="store_true", help="print the result as a JSON object")
        step.add_argument("--quiet", action="store_true", help="no log and no progress line")
        if name in (*COSTLY, "run", "cleanup"):
            step.add_argument("--yes", action="store_true", help="do not ask")
    sample = parsers["invoke"].add_mutually_exclusive_group()
    sample.add_argument("--row", type=int, default=0, metavar="N", help="which of the test's samples (default 0)")
    sample.add_argument("--sample", metavar="FILE", help="JSON object with a raw row: cells by column")
    parsers["invoke"].add_argument("--prepared", action="store_true", help="send the row as prepare has written it")


def _init(args: argparse.Namespace) -> None:
    template = _pipeline().template
    values: dict[str, dict[str, Any]] = {"pipeline": {}, "prepare": {}}
    if args.raw:
        home = os.path.dirname(args.file) or "."  # paths in the file are relative to it
        values["prepare"]["raw"] = [raw if os.path.isabs(raw) else os.path.relpath(raw, home) for raw in args.raw]
    if args.target is not None:
        values["prepare"]["target"] = args.target
    if args.backend is not None:
        values["pipeline"]["backend"] = args.backend
    try:
        with open(args.file, "x", encoding="utf-8") as file:
            file.write(template(values))
    except FileExistsError as error:
        raise InputError(f"{args.file} is there already; choose another name") from error
    print(f"wrote {args.file}; next: look it through, then `fasttrees pipeline run --config {args.file}`")


def _step(args: argparse.Namespace) -> None:
    pipeline = _pipeline()
    config = pipeline.Config.load(args.config)
    _agree_on_costs(config, args)
    options: dict[str, Any] = {}
    if args.step == "invoke":
        options = {"row": args.row, "prepared": args.prepared}
        if args.sample is not None:
            options["sample"] = _read_sample(args.sample)
    with TerminalProgress(args.quiet) as progress:
        result = getattr(pipeline, args.step)(config, progress, **options)
    _show(result, args)


def _cleanup(args: argparse.Namespace) -> None:
    pipeline = _pipeline()
    config = pipeline.Config.load(args.config)

    def confirm(found: list[Resource], kept: list[Resource]) -> bool:
        _list("to delete", found)
        _list("kept", kept)
        if args.dry_run:
            return False
        return not found or args.yes or ask("delete these?")

    with TerminalProgress(args.quiet) as progress:
        result = pipeline.cleanup(config, progress, everything=args.all, confirm=confirm)
    if args.json or not args.dry_run:  # the list is shown already
        _show(result, args)


def _status(args: argparse.Namespace) -> None:
    pipeline = _pipeline()
    config = pipeline.Config.load(args.config)
    rows = pipeline.status(config)
    if args.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['step']:10} {row['status']:8} {row['when']:26} {row['what']}")


def _agree_on_costs(config: Config, args: argparse.Namespace) -> None:
    """Show what a step may cost before it begins, and ask."""
    if config.pipeline.backend == "local" or args.step not in (*COSTLY, "run"):
        return
    from fasttrees.pipeline.costs import format_costs

    lines = _pipeline().find_costs(config, COSTLY if args.step == "run" else [args.step])
    if not lines:
        return
    print(format_costs(lines), file=sys.stderr)
    if not (args.yes or ask("go on?")):
        raise InputError("stopped before any costs")


def _read_sample(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        try:
            sample = json.load(file)
        except ValueError as error:
            raise InputError(f"{path}: expected JSON: {error}") from error
    if not isinstance(sample, dict):
        raise InputError(f"{path}: expected a JSON object, cells by column, got {type(sample).__name__}")
    return sample


def _show(result: Result, args: argparse.Namespace) -> None:
    if args.json:
        print(result.model_dump_json())
    elif not args.quiet:
        print(result.summary())


def _list(title: str, resources: list[Resource]) -> None:
    print(f"{title}:{'' if resources else ' nothing'}", file=sys.stderr)
    for resource in resources:
        print(f"  {resource.summary()}", file=sys.stderr)


def _pipeline() -> Any:
    """Import the pipeline: no other command needs what it needs."""
    try:
        import fasttrees.pipeline
    except ModuleNotFoundError as error:
        raise InputError(f"{error}: install fasttrees-lightgbm[pipeline]") from error
    return fasttrees.pipeline
