"""The objective line of a model and the output transform that it asks for.

Every transform follows LightGBM's ``ConvertOutput`` operation by operation and calls the C library's ``exp`` and
``log1p``, because any other exponential differs in the last bit.
"""
from libc.math cimport exp, log1p

from fasttrees._textio.atof cimport legacy_number

from fasttrees.errors import ModelFormatError

# LightGBM looks the whole line up here, so an alias works only where no parameter follows.
ALIASES = {
    "regression_l2": "regression", "mean_squared_error": "regression", "mse": "regression", "l2": "regression",
    "l2_root": "regression", "root_mean_squared_error": "regression", "rmse": "regression",
    "mean_absolute_error": "regression_l1", "l1": "regression_l1", "mae": "regression_l1",
    "softmax": "multiclass", "multiclass_ova": "multiclassova", "ova": "multiclassova", "ovr": "multiclassova",
    "xentropy": "cross_entropy", "xentlambda": "cross_entropy_lambda",
    "mean_absolute_percentage_error": "mape",
    "xendcg": "rank_xendcg", "xe_ndcg": "rank_xendcg", "xe_ndcg_mart": "rank_xendcg", "xendcg_mart": "rank_xendcg",
    "none": "custom", "null": "custom", "na": "custom",
}

# What each objective does to a raw score, and whether its `sqrt` flag squares it back.
TRANSFORMS = {
    "regression": (IDENTITY, True), "regression_l1": (IDENTITY, True), "quantile": (IDENTITY, True),
    "fair": (IDENTITY, True), "mape": (IDENTITY, True), "huber": (IDENTITY, False),
    "poisson": (EXP, False), "gamma": (EXP, False), "tweedie": (EXP, False),
    "binary": (SIGMOID, False), "multiclassova": (SIGMOID, False), "cross_entropy": (SIGMOID, False),
    "cross_entropy_lambda": (LOG1P_EXP, False), "multiclass": (SOFTMAX, False),
    "lambdarank": (IDENTITY, False), "rank_xendcg": (IDENTITY, False), "custom": (IDENTITY, False),
}


# Those whose rows may stop early: LightGBM says of the others that they need accurate predictions.
STOPPING = {"binary", "multiclass", "multiclassova", "lambdarank", "rank_xendcg"}


cdef class Objective:
    """The objective of a model.

    Parameters
    ----------
    text : str or None
        The value of the model file's ``objective`` key; None where the file has none (raw scores).
    n_classes : int
        The model's number of trees per iteration.
    """

    def __init__(self, text, int n_classes):
        self.text = text
        self.n_classes = n_classes
        self.sigmoid = 1.0
        self.kind = IDENTITY
        if text is None:
            return
        words = [word for word in ALIASES.get(text, text).split(" ") if word]
        if not words or words[0] not in TRANSFORMS:
            raise ModelFormatError("an objective of LightGBM", repr(text), None, "objective")
        name = words[0]
        self.kind, squares = TRANSFORMS[name]
        parameters = {}
        for word in words[1:]:
            key, colon, value = word.partition(":")
            if not colon and word != "sqrt":
                raise ModelFormatError("parameters as key:value, or sqrt", repr(word), None, "objective")
            parameters[key] = value
        if "sqrt" in parameters and squares:
            self.kind = SIGNED_SQUARE
        if name in ("binary", "multiclassova"):
            self.sigmoid = legacy_float(parameters.get("sigmoid", ""))
            if not self.sigmoid > 0:
                raise ModelFormatError("a sigmoid above zero", repr(self.sigmoid), None, "objective")
        if name in ("multiclass", "multiclassova"):
            if parameters.get("num_class") != str(n_classes):
                raise ModelFormatError(f"num_class:{n_classes}, as num_tree_per_iteration says", repr(text), None,
                                       "objective")
        elif n_classes != 1 and name != "custom":
            raise ModelFormatError("one tree per iteration with this objective", str(n_classes), None, "objective")
        self.name = None if name == "custom" else name

    @property
    def stops_early(self):
        """Whether predictions may leave out the last trees of a row whose score is decided."""
        return self.name in STOPPING

    cdef void transform(self, double* scores, Py_ssize_t n_rows) noexcept nogil:
        """Turn raw scores, row-major, into the objective's outputs, in place."""
        cdef Py_ssize_t i, n = n_rows * self.n_classes
        cdef double negative_sigmoid = -self.sigmoid
        if self.kind == SIGMOID:
            for i in range(n):
                scores[i] = 1.0 / (1.0 + exp(negative_sigmoid * scores[i]))
        elif self.kind == EXP:
            for i in range(n):
                scores[i] = exp(scores[i])
        elif self.kind == LOG1P_EXP:
            for i in range(n):
                scores[i] = log1p(exp(scores[i]))
        elif self.kind == SIGNED_SQUARE:
            for i in range(n):
                scores[i] = ((scores[i] > 0) - (scores[i] < 0)) * scores[i] * scores[i]
        elif self.kind == SOFTMAX:
            for i in range(n_rows):
                softmax(scores + i * self.n_classes, self.n_classes)

    def __reduce__(self):
        return Objective, (self.text, self.n_classes)


cdef void softmax(double* scores, int n_classes) noexcept nogil:
    """LightGBM's softmax: the largest score subtracted, the exponentials summed in order, one division each."""
    cdef double largest = scores[0], total = 0.0
    cdef int k
    for k in range(1, n_classes):
        largest = scores[k] if not scores[k] < largest else largest
    for k in range(n_classes):
        scores[k] = exp(scores[k] - largest)
        total += scores[k]
    for k in range(n_classes):
        scores[k] /= total


def legacy_float(str text not None):
    """Read a number as LightGBM's ``Atof`` does, wrong last bits included.

    LightGBM reads ``sigmoid:`` with it, and every prediction depends on the result. Where ``Atof`` would take words or
    leave text unread, this raises ModelFormatError.
    """
    cdef bytes data = text.encode("utf-8", "surrogatepass")
    cdef const char* begin = data
    cdef const char* stop = NULL
    cdef double value = 0.0
    if CHARACTERS.issuperset(text):
        stop = legacy_number(begin, &value, False)
    if stop == NULL or stop != begin + len(data) or not data:
        raise ModelFormatError("a decimal number", repr(text)[:60], None, "objective")
    return value


CHARACTERS = frozenset("0123456789.+-eE")  # without words, blanks and NUL
