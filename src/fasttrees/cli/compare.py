"""``fasttrees compare``: the usual Python container and this package's server, measured in turn."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasttrees.cli._progress import TerminalProgress

if TYPE_CHECKING:
    from fasttrees.comparison.servers import ServerKind

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add ``compare`` to the commands."""
    parser = commands.add_parser(
        "compare",
        help="measure the usual Python container and this package's server on a model and rows, and what follows",
        description="Run the usual Python container and this package's server on the same model and rows, in turn, on "
        "this machine, and say what follows for instances and costs. docs/how-to/compare.md says how.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, help="model file")
    add("rows", metavar="ROWS", type=Path, help="CSV without a header, as Batch Transform takes it")
    baseline = parser.add_mutually_exclusive_group(required=True)
    baseline.add_argument("--baseline-image", metavar="IMAGE", help="image of the Python container; needs --image")
    baseline.add_argument("--baseline", metavar="DIR", type=Path, help="its folder, run without Docker")
    add("--image", help="image of this package's server; needs --baseline-image")
    add("--network", help="network of the containers, such as host (default: Docker's own)")
    add("--prices", metavar="FILE", help="price table in TOML (default: the one that comes with the package)")
    add("--region", default="sa-east-1", help="region of the prices (default sa-east-1)")
    add(
        "--rows-per-day",
        type=_number,
        default=10_000_000,
        metavar="N",
        help="that a daily job scores (default 10000000)",
    )
    add(
        "--fixed-minutes",
        type=_minutes,
        default=3.0,
        metavar="M",
        help="that a batch job is paid for besides scoring; nothing here measures it (default 3)",
    )
    add("--workers", type=_number, metavar="N", help="processes of the Python container (default: cores)")
    add("--rounds", type=_number, metavar="N", help="how often each server has its turns (default 5; --quick: 1)")
    add("--seconds", type=_seconds, metavar="S", help="length of a turn's requests (default 3; --quick: 0.2)")
    add("--output", metavar="DIR", type=Path, default=Path("comparison"), help="folder (default: comparison)")
    add("--json", action="store_true", help="print results.json instead of the table")
    add("--quick", action="store_true", help="see it work: one round, small files; its figures say little")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(args: argparse.Namespace) -> None:
    """Compare, and write ``results.json`` and ``report.html``."""
    if bool(args.image) != bool(args.baseline_image):
        args.usage_error("--image and --baseline-image go together: both servers run as containers, or neither does")
    if args.network is not None and not args.image:
        args.usage_error("--network needs --image")
    # Not above: the other commands need none of it.
    from fasttrees._aws.prices import PriceTable
    from fasttrees._runtime.threads import available_cpus
    from fasttrees.comparison.report import write_page
    from fasttrees.comparison.results import Settings
    from fasttrees.comparison.run import compare, price_rows
    from fasttrees.comparison.text import as_text

    prices = price_rows(PriceTable.load(args.prices), args.region)
    settings = Settings(
        rounds=args.rounds or (1 if args.quick else 5),
        seconds=args.seconds or (0.2 if args.quick else 3.0),
        workers=args.workers or available_cpus(),
        quick=args.quick,
        region=args.region,
        rows_per_day=args.rows_per_day,
        fixed_minutes=args.fixed_minutes,
    )
    args.output.mkdir(parents=True, exist_ok=True)
    kinds = _kinds(args)
    progress = TerminalProgress(quiet=False, prefix="fasttrees: ")
    results = compare(args.model, args.rows, kinds, settings, prices, progress)
    results.write(args.output / "results.json")
    write_page(results, args.output / "report.html")
    print(results.model_dump_json() if args.json else as_text(results), flush=True)
    progress.say(f"wrote {args.output / 'results.json'} and {args.output / 'report.html'}")


def _kinds(args: argparse.Namespace) -> dict[str, ServerKind]:
    from fasttrees.comparison.results import BASELINE, OURS
    from fasttrees.comparison.servers import FolderServer, ImageServer, OwnServer

    if args.image:
        images = {OURS: args.image, BASELINE: args.baseline_image}
        return {name: ImageServer(image, args.model, args.network) for name, image in images.items()}
    return {
        OURS: OwnServer(args.model),
        BASELINE: FolderServer(args.baseline, args.model, args.output / "environment"),
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    value = _float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 3600, got {text!r}")
    return value


def _minutes(text: str) -> float:
    value = _float(text)
    if not 0 <= value <= 1440:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1440, got {text!r}")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
