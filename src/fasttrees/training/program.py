"""A training job from its hyperparameters to the model and its report."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from fasttrees._runtime.atomic_file import replacing
from fasttrees.errors import FastTreesError
from fasttrees.training.contract import KNOWN, Contract, read_schema
from fasttrees.training.errors import TrainingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fasttrees.training.hyperparameters import Settings
    from fasttrees.training.table import ShouldStop, Table

__all__ = ["run_training"]


def run_training(root: Path, should_stop: ShouldStop = lambda: False) -> int:
    """Run a training job under SageMaker's contract.

    Parameters
    ----------
    root : Path
        ``/opt/ml``, or a folder with the same layout.
    should_stop : callable
        Returns whether to stop; called after each iteration. The model of the iterations so far is kept.

    Returns
    -------
    int
        Exit status: 0, or 1 with one line on standard error and in ``output/failure``.
    """
    contract = Contract(root)
    try:
        _train(contract, should_stop)
    except (FastTreesError, OSError, MemoryError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
    except ModuleNotFoundError as error:
        message = f"{error}; training needs pip install 'fasttrees-lightgbm[train]'"
    except Exception as error:  # a bug: users see one line, the log has the traceback
        traceback.print_exc(file=sys.stdout)
        message = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    else:
        return 0
    sys.stdout.flush()
    print(f"fasttrees.training: error: {message}", file=sys.stderr, flush=True)
    contract.write_failure(message)
    return 1


def say(line: str) -> None:
    """Write a line to the log, now: people watch it."""
    print(line, flush=True)


def _train(contract: Contract, should_stop: ShouldStop) -> None:
    began = time.monotonic()
    contract.check_hosts()
    given = contract.hyperparameters()
    channels = contract.channels()
    schema = read_schema(channels.get("schema"))
    for name in channels:
        if name not in KNOWN:
            say(f"channel {name}: not used; expected names are {', '.join(KNOWN)}")
    # Imported here because METRIC_DEFINITIONS and invalid configurations need none of it.
    from fasttrees.training.boosting import boost
    from fasttrees.training.comparison import predict_and_compare
    from fasttrees.training.features import categorical_features, check_features
    from fasttrees.training.hyperparameters import read_hyperparameters
    from fasttrees.training.report import write_report

    settings = read_hyperparameters(given, schema)
    if settings.patience and "validation" not in channels:
        name, value = settings.given["early_stopping_round"]
        raise TrainingError(f"hyperparameter {name}: expected 0 without the channel validation, got {value!r}")
    categorical = list(schema.categorical)
    if settings.categorical_feature:
        categorical = categorical_features(settings.categorical_feature, schema.feature_names)
    say("hyperparameters: " + " ".join(f"{name}={value}" for name, value in settings.parameters.items()))
    n_features = len(schema.feature_names) if schema.feature_names is not None else None
    if n_features is not None:  # before hours of reading
        check_features(settings, n_features, categorical)
    train = _read("train", channels["train"], n_features, categorical, settings, should_stop)
    check_features(settings, train.rows.shape[1], categorical)
    validation = None
    if "validation" in channels:
        n_features = train.rows.shape[1]
        validation = _read("validation", channels["validation"], n_features, categorical, settings, should_stop)

    trained = boost(train, validation, settings, schema, categorical, say, should_stop)
    why = "stopped by SIGTERM" if trained.stopped else "trained"
    say(f"{why} after {trained.n_iterations} iterations; the model ends with iteration {trained.best_iteration}")

    contract.model.mkdir(parents=True, exist_ok=True)
    rows_of, table = ("train", train) if validation is None else ("validation", validation)
    with replacing(contract.model / "model.txt") as file:
        file.write(trained.booster.model_to_string(num_iteration=trained.best_iteration).encode())
        file.flush()
        predictions = predict_and_compare(Path(file.name), rows_of, table.rows)
    compared = f"fasttrees predicts all {len(table.target)} rows of {rows_of} as LightGBM does, bit for bit"
    say(compared)
    write_report(contract.model, trained, settings, schema, train, validation, predictions, compared, began)
    if trained.history:
        from fasttrees.training.lines import metric_line

        say(metric_line(trained.best_iteration, trained.metrics()))  # so the job's last values are the model's


def _read(
    name: str, folder: Path, n_features: int | None, categorical: list[int], settings: Settings, should_stop: ShouldStop
) -> Table:
    from fasttrees.training.table import check_target, read_table

    began = time.monotonic()
    table = read_table(folder, n_features, categorical, should_stop)
    check_target(folder, table.target, settings.objective, settings.n_classes)
    say(f"{name}: {len(table.target)} rows of {table.rows.shape[1]} features in {time.monotonic() - began:.1f} s")
    return table
