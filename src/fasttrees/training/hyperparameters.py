"""Hyperparameters: LightGBM's parameters as strings, checked by LightGBM itself before any data is read."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError, _ConfigAliases

from fasttrees._reports.metrics import with_parameters
from fasttrees._runtime.threads import available_cpus
from fasttrees.training.contract import Schema
from fasttrees.training.errors import TrainingError

__all__ = ["Settings", "explain", "read_hyperparameters"]

# What LightGBM's command line does with files, other tasks and other machines; here the contract defines it.
REFUSED = {
    "the target is the first column, all others are features": (
        "header label_column weight_column group_column ignore_column"
    ),
    "the channels are the data": "data valid two_round pre_partition save_binary parser_config_file",
    "/opt/ml/model gets the model": "output_model snapshot_freq convert_model convert_model_language output_result",
    "training begins anew": "input_model refit_decay_rate",
    "one instance trains": "num_machines local_listen_port time_out machine_list_filename machines",
    "it is for predictions": (
        "start_iteration_predict num_iteration_predict predict_raw_score predict_leaf_index predict_contrib "
        "predict_disable_shape_check pred_early_stop pred_early_stop_freq pred_early_stop_margin"
    ),
    "hyperparameters are all there is": "config",
}
REASONS = {name: reason for reason, names in REFUSED.items() for name in names.split()}

DEFAULTS = {"deterministic": "true", "verbosity": "0", "is_provide_training_metric": "true"}
MOST_THREADS = 1024
NO_METRIC = {"none", "null", "na", "custom"}

# They can be checked only with the features, which are not known yet.
OF_FEATURES = {
    "categorical_feature",
    "cegb_penalty_feature_coupled",
    "cegb_penalty_feature_lazy",
    "feature_contri",
    "forcedbins_filename",
    "forcedsplits_filename",
    "interaction_constraints",
    "max_bin_by_feature",
    "monotone_constraints",
}


@dataclass(frozen=True)
class Settings:
    """The checked hyperparameters of a job.

    Attributes
    ----------
    parameters : dict
        For LightGBM, by its canonical names.
    given : dict of str to tuple of str
        Name and value as given, by LightGBM's canonical names.
    objective : str
        As in ``model.txt``, with the parameters that scores need: ``binary sigmoid:1``, ``quantile alpha:0.9``.
    n_classes : int
        1 for all but multiclass objectives.
    """

    parameters: dict[str, Any]
    given: dict[str, tuple[str, str]]
    objective: str
    n_classes: int

    def flag(self, name: str) -> bool:
        """Return a parameter as a bool."""
        return _is_true(self.parameters.get(name, "false"))

    @property
    def patience(self) -> int:
        """Iterations without improvement after which training ends; 0: never."""
        return max(0, int(self.parameters.get("early_stopping_round", 0)))

    @property
    def categorical_feature(self) -> str:
        """As given."""
        return self.given.get("categorical_feature", ("", ""))[1]


def read_hyperparameters(hyperparameters: Mapping[str, str], schema: Schema) -> Settings:
    """Check hyperparameters and add defaults.

    LightGBM accepts each parameter by several names and warns about unknown ones; here those are errors.

    Raises
    ------
    TrainingError
        With the name, what was expected, and what was found.
    """
    given = _by_canonical_names(hyperparameters)
    own = {name: value for name, (_, value) in given.items()}
    parameters: dict[str, Any] = DEFAULTS | {"num_threads": str(available_cpus())} | own
    if "force_row_wise" not in own:
        parameters.setdefault("force_col_wise", "true")
    multiclass = parameters.get("objective", "").startswith(("multiclass", "softmax", "ova", "ovr"))
    if multiclass and schema.classes:
        parameters.setdefault("num_class", str(len(schema.classes)))
        if parameters["num_class"] != str(len(schema.classes)):
            raise TrainingError(
                f"hyperparameter num_class: expected {len(schema.classes)}, the classes of schema.json, "
                f"got {parameters['num_class']!r}"
            )
    probed = _probe_all(parameters, given)
    objective = with_parameters(_header(probed, "objective"), probed)
    n_classes = int(_header(probed, "num_tree_per_iteration") or 1)
    if not objective:  # custom
        raise TrainingError(f"hyperparameter {given['objective'][0]}: expected one, got {given['objective'][1]!r}")
    if objective.split()[0] == "binary" and "metric" not in own:
        # AUC is only reported: the loss still decides when to stop.
        parameters["metric"] = "binary_logloss,auc"
        parameters.setdefault("first_metric_only", "true")
    _check_metrics(parameters, given)
    for name in ("verbosity", "num_iterations", "early_stopping_round"):  # LightGBM's Python code needs numbers
        if name in parameters:
            parameters[name] = int(parameters[name])
    if "early_stopping_min_delta" in parameters:
        parameters["early_stopping_min_delta"] = float(parameters["early_stopping_min_delta"])
    if "first_metric_only" in parameters:
        parameters["first_metric_only"] = _is_true(parameters["first_metric_only"])
    settings = Settings(parameters, given, objective, n_classes)
    if parameters.get("num_iterations") == 0:
        raise TrainingError(f"hyperparameter {given['num_iterations'][0]}: expected at least 1, got '0'")
    if settings.patience and parameters.get("boosting") == "dart":
        name, value = given["early_stopping_round"]
        raise TrainingError(f"hyperparameter {name}: expected 0, because dart changes earlier trees, got {value!r}")
    return settings


def _by_canonical_names(hyperparameters: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Find the canonical name of each; LightGBM's library lists all aliases."""
    canonical = {alias: name for name, aliases in _ConfigAliases._get_all_param_aliases().items() for alias in aliases}
    given: dict[str, tuple[str, str]] = {}
    for alias, text in sorted(hyperparameters.items()):
        name, value = canonical.get(alias), text.strip()
        if name is None:
            near = difflib.get_close_matches(alias, canonical, 1)
            hint = f" such as {near[0]}" if near else ""
            raise TrainingError(f"hyperparameter {alias}: expected a parameter of LightGBM{hint}, got {alias!r}")
        if name in given:
            raise TrainingError(f"hyperparameter {alias}: expected {name} once, got it as {given[name][0]}, too")
        if not value:
            raise TrainingError(f"hyperparameter {alias}: expected a value, got {text!r}")
        if name in REASONS:
            raise TrainingError(f"hyperparameter {alias}: expected none, because {REASONS[name]}, got {value!r}")
        if name == "task" and value not in ("train", "training"):
            raise TrainingError(f"hyperparameter {alias}: expected train, got {value!r}")
        if name == "num_threads" and value.isdecimal() and int(value) > MOST_THREADS:  # LightGBM crashes with too many
            raise TrainingError(f"hyperparameter {alias}: expected at most {MOST_THREADS}, got {value!r}")
        given[name] = alias, value
    return given


def _probe(parameters: Mapping[str, Any]) -> lightgbm.Booster:
    """Have LightGBM parse parameters, as for training on two rows."""
    known = {name: value for name, value in parameters.items() if name not in OF_FEATURES} | {"verbosity": "-1"}
    known |= {"num_threads": known.get("num_threads", "1")}
    data = lightgbm.Dataset(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]), params=known)
    with _without_stderr():  # the exception has the same text
        return lightgbm.Booster(known, data)


def _probe_all(parameters: Mapping[str, Any], given: Mapping[str, tuple[str, str]]) -> str:
    try:
        return str(_probe(parameters).model_to_string())
    except LightGBMError as error:
        together = error
    for name in given:  # most are wrong by themselves
        try:
            _probe({name: parameters[name]})
        except LightGBMError as error:
            if name != "objective" or str(error) == str(together):
                raise TrainingError(explain(error, given, name)) from error
    raise TrainingError(explain(together, given)) from together


def _header(model: str, key: str) -> str:
    match = re.search(rf"^{key}=(.*)$", model, re.MULTILINE)
    return match.group(1) if match else ""


def _check_metrics(parameters: Mapping[str, Any], given: Mapping[str, tuple[str, str]]) -> None:
    """Reject unknown metrics, which LightGBM would ignore silently."""
    name, value = given.get("metric", ("metric", ""))
    context = {key: parameters[key] for key in ("objective", "num_class") if key in parameters}
    for metric in filter(None, value.split(",")):
        if metric.strip().lower() not in NO_METRIC:
            try:
                known = _probe({**context, "metric": metric.strip(), "verbosity": "-1"}).eval_train()
            except LightGBMError as error:
                raise TrainingError(explain(error, given, "metric")) from error
            if not known:
                raise TrainingError(f"hyperparameter {name}: expected metrics of LightGBM, got {metric.strip()!r}")


def explain(error: Exception, given: Mapping[str, tuple[str, str]], key: str = "") -> str:
    """Describe in a line what LightGBM rejects about which hyperparameter.

    Parameters
    ----------
    error : Exception
        The error that it raised.
    given : mapping
        As in Settings.
    key : str
        Canonical name of the parameter, if it is known; empty: the message may name it.
    """
    message = re.sub(r" at \S+, line \d+ ?\.?\s*$", "", " ".join(str(error).split()))
    if check := re.fullmatch(r"Check failed: \((\w+)\) ([<>=!]+) \(([-\d.]+)\)", message):
        key, expected = check.group(1), f"{check.group(2)} {check.group(3)}"
    elif kind := re.match(r"Parameter (\w+) should be (?:of type )?(.*), got ", message):
        key, expected = kind.group(1), {"int": "a whole number"}.get(kind.group(2), kind.group(2))
    else:
        expected = f"what LightGBM takes ({message})"
    if key in given:
        return f"hyperparameter {given[key][0]}: expected {expected}, got {given[key][1]!r}"
    return f"LightGBM: {message}"


def _is_true(value: object) -> bool:
    return str(value).lower() in ("true", "+")


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Suppress what the C library writes to standard error."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
