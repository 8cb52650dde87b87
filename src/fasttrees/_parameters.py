"""LightGBM's parameters of prediction, as ``Booster.predict`` takes them for further keywords."""

from __future__ import annotations

import os
import warnings

from fasttrees._engine.objective import legacy_float
from fasttrees.errors import InputError, InputTypeError, ModelFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["Parameters"]

ALIASES = {
    "n_jobs": "num_threads",
    "nthread": "num_threads",
    "nthreads": "num_threads",
    "num_thread": "num_threads",
    "verbose": "verbosity",
}

# LightGBM's other parameters with their aliases: known, without a meaning for a prediction.
_OTHERS = """
    alpha app application auc_mu_weights bagging bagging_by_query bagging_fraction bagging_fraction_seed
    bagging_freq bagging_seed bin_construct_sample_cnt blacklist boost boost_from_average boosting boosting_type
    bundle cat_column cat_feature cat_l2 cat_smooth categorical_column categorical_feature categorical_features
    cegb_penalty_feature_coupled cegb_penalty_feature_lazy cegb_penalty_split cegb_tradeoff colsample_bynode
    colsample_bytree config config_file contrib convert_model convert_model_file convert_model_language data
    data_filename data_random_seed data_sample_strategy data_seed deterministic device device_type drop_rate
    drop_seed early_stopping early_stopping_min_delta early_stopping_round early_stopping_rounds enable_bundle
    enable_sparse eta eval_at extra_seed extra_tree extra_trees fair_c fc feature_contri feature_contrib
    feature_fraction feature_fraction_bynode feature_fraction_seed feature_penalty feature_pre_filter
    first_metric_only force_col_wise force_row_wise forced_splits forced_splits_file forced_splits_filename
    forcedbins_filename forcedsplits_filename fp fs gpu_device_id gpu_device_id_list gpu_platform_id gpu_use_dp
    group group_column group_id has_header header hist_pool_size histogram_pool_size ignore_column ignore_feature
    input_model interaction_constraints is_enable_bundle is_enable_sparse is_pre_partition is_predict_contrib
    is_predict_leaf_index is_predict_raw_score is_provide_training_metric is_save_binary is_save_binary_file
    is_sparse is_training_metric is_unbalance l1_regularization l2_regularization label label_column label_gain
    lambda lambda_l1 lambda_l2 lambdarank_norm lambdarank_position_bias_regularization lambdarank_truncation_level
    leaf_index learning_rate linear_lambda linear_tree linear_trees local_listen_port local_port loss machine_list
    machine_list_file machine_list_filename machines map_at map_eval_at max_bin max_bin_by_feature max_bins
    max_cat_threshold max_cat_to_onehot max_delta_step max_depth max_drop max_iter max_leaf max_leaf_nodes
    max_leaf_output max_leaves max_tree_output mc mc_method mc_penalty metric metric_freq metric_types metrics
    min_child_samples min_child_weight min_data min_data_in_bin min_data_in_leaf min_data_per_group
    min_data_per_leaf min_gain_to_split min_hessian min_samples_leaf min_split_gain min_sum_hessian
    min_sum_hessian_in_leaf min_sum_hessian_per_leaf mlist model_in model_input model_out model_output
    monotone_constraining_method monotone_constraint monotone_constraints monotone_constraints_method
    monotone_penalty monotone_splits_penalty monotonic_cst ms_penalty multi_error_top_k n_estimators n_iter
    n_iter_no_change name_pred ndcg_at ndcg_eval_at neg_bagging neg_bagging_fraction neg_sub_row neg_subsample nodes
    nrounds num_boost_round num_class num_classes num_gpu num_grad_quant_bins num_iteration num_iteration_predict
    num_iterations num_leaf num_leaves num_machine num_machines num_round num_rounds num_tree num_trees objective
    objective_seed objective_type other_rate output_freq output_model output_result parser_config_file path_smooth
    poisson_max_delta_step port pos_bagging pos_bagging_fraction pos_sub_row pos_subsample pre_partition pred_name
    predict_contrib predict_leaf_index predict_name predict_raw_score predict_rawscore predict_result
    prediction_name prediction_result quant_train_renew_leaf query query_column query_id random_seed random_state
    rate_drop raw_score refit_decay_rate reg_alpha reg_lambda reg_sqrt save_binary save_period
    saved_feature_importance_type scale_pos_weight seed shrinkage_rate sigmoid skip_drop snapshot_freq sparse
    start_iteration_predict stochastic_rounding sub_feature sub_feature_bynode sub_row subsample subsample_for_bin
    subsample_freq task task_type test test_data test_data_file time_out top_k top_rate topk train train_data
    train_data_file train_metric training_metric tree tree_learner tree_learner_type tree_type
    tweedie_variance_power two_round two_round_loading unbalance unbalanced_sets uniform_drop use_missing
    use_quantized_grad use_two_round_loading valid valid_data valid_data_file valid_filenames weight weight_column
    workers xgboost_dart_mode zero_as_missing
"""
OTHERS = frozenset(_OTHERS.split())


class Parameters:
    """The options that the keywords give.

    Attributes
    ----------
    pred_early_stop : bool
    pred_early_stop_freq : int
    pred_early_stop_margin : float
    predict_disable_shape_check : bool
    precise_float_parser : bool
    num_threads : int or None
    verbosity : int
    """

    pred_early_stop = False
    pred_early_stop_freq = 10
    pred_early_stop_margin = 10.0
    predict_disable_shape_check = False
    precise_float_parser = False
    num_threads: int | None = None
    verbosity = 1

    @classmethod
    def read(cls, keywords: Mapping[str, Any]) -> Parameters:
        """Read keywords, as LightGBM reads them once they are text.

        A name that is none of LightGBM's gets a warning, unless `verbosity` is below 0. Of several names of one
        parameter its own goes first, then the shortest, then the first by alphabet; the others get a warning. None
        stands for a parameter that is not given.

        Raises
        ------
        InputError
            If a parameter cannot have that value.
        InputTypeError
            If a value is of a type that no parameter has.
        """
        parameters = cls()
        complaints = []
        given: dict[str, str] = {}
        for keyword in sorted(keywords, key=lambda keyword: (keyword in ALIASES, len(keyword), keyword)):
            name = ALIASES.get(keyword, keyword)
            text = text_of(keyword, keywords[keyword])
            if text is None or keyword in OTHERS:
                continue
            if name not in READERS:
                complaints.append(f"Unknown parameter: {keyword}")
            elif name in given:
                complaints.append(f"{keyword} is ignored, for {given[name]} is given")
            else:
                given[name] = keyword
                if text:
                    setattr(parameters, name, READERS[name](keyword, text))
        if parameters.verbosity >= 0:
            for complaint in complaints:
                warnings.warn(complaint, stacklevel=3)
        if parameters.num_threads is not None and parameters.num_threads <= 0:
            parameters.num_threads = None
        return parameters

    def early_stop(self) -> tuple[int, float]:
        """After how many iterations to test for an early stop, and the margin; for a model whose rows may stop.

        Raises
        ------
        InputError
            If one of them makes no sense: LightGBM, too, looks only when it needs them.
        """
        if not self.pred_early_stop:
            return 0, 0.0
        if not self.pred_early_stop_freq > 0:
            raise InputError(f"pred_early_stop_freq: expected a number above 0, got {self.pred_early_stop_freq}")
        if not self.pred_early_stop_margin >= 0:
            raise InputError(f"pred_early_stop_margin: expected at least 0, got {self.pred_early_stop_margin}")
        return self.pred_early_stop_freq, self.pred_early_stop_margin


def text_of(keyword: str, value: Any) -> str | None:
    """Write a value as LightGBM's Python package writes it for the library; None if it leaves it out."""
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else str(value)
    if isinstance(value, (list, tuple, set)) or getattr(value, "ndim", 0) == 1:
        return ",".join(map(str, value))
    try:
        float(value)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"Unknown type of parameter:{keyword}, got:{type(value).__name__}") from error
    return str(value)


def read_bool(keyword: str, text: str) -> bool:
    """Read true, false, + or -; 1 and 0 are none."""
    if text.lower() not in ("true", "+", "false", "-"):
        raise InputError(f'Parameter {keyword} should be "true"/"+" or "false"/"-", got "{text}"')
    return text.lower() in ("true", "+")


def read_int(keyword: str, text: str) -> int:
    """Read a whole number that a C int holds."""
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and -(2**31) <= int(text) < 2**31):
        raise InputError(f'Parameter {keyword} should be of type int, got "{text}"')
    return int(text)


def read_float(keyword: str, text: str) -> float:
    """Read a number, with the last bits that LightGBM's own conversion gives it."""
    word = text.lower().lstrip("+-")
    if word in ("na", "nan", "null"):
        return float("nan")
    try:
        return legacy_float(text.lower().replace(word, "1e308") if word in ("inf", "infinity") else text)
    except ModelFormatError as error:
        raise InputError(f'Parameter {keyword} should be of type double, got "{text}"') from error


READERS: dict[str, Callable[[str, str], object]] = {
    "pred_early_stop": read_bool,
    "pred_early_stop_freq": read_int,
    "pred_early_stop_margin": read_float,
    "predict_disable_shape_check": read_bool,
    "precise_float_parser": read_bool,
    "num_threads": read_int,
    "verbosity": read_int,
}
