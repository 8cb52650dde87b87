"""TreeSHAP for many rows at once: the paths of a tree are followed once for all rows that agree on the way.

What a leaf adds to a row depends on nothing but the decisions on the leaf's path. So rows are divided at each split by
their decision, and each of both groups goes first to the child that it takes (hot), then to the other (cold): the
order in which LightGBM's recursion visits the leaves of each of these rows, and so the order of its additions. Every
number is made by LightGBM's operations in LightGBM's order.

A path's elements are its features, each with the part of training's rows that went the path's way (its fraction) and
whether the row does, too; hot and cold ones stand apart, for nothing depends on the order among them. Weight i belongs
to no feature but to i features that are hot.
"""
from libc.stdint cimport int32_t, uint8_t, uint16_t

cdef struct Path:
    int n_hot
    int n_cold
    double* weights  # one more than elements
    double* hot      # fractions
    double* cold
    int32_t* hot_features
    int32_t* cold_features

cdef struct Frame:
    int32_t node
    int32_t feature
    int stage          # how many of the four visits have been made
    bint is_hot        # whether all splits on this feature so far went the path's way
    double left        # fractions of the children
    double right
    uint16_t* rows     # those that go left, then the others
    int32_t n_left
    int32_t n_rows

cdef struct Stack:
    Frame* frames
    Path* paths
    double* totals   # of one leaf: what LightGBM calls the unwound sums, then what the leaf adds
    double* rests
    int32_t* features


cdef inline void extend_path(const Path* old, Path* path, double fraction, bint is_hot, int32_t feature) noexcept nogil:
    """Make `path` the old one with another element."""
    cdef int i, d = old.n_hot + old.n_cold + 1
    cdef double size = d + 1, one = 1.0 if is_hot else 0.0
    cdef const double* old_weights = old.weights
    cdef double* weights = path.weights
    weights[0] = fraction * old_weights[0] * d / size
    for i in range(1, d):
        weights[i] = fraction * old_weights[i] * (d - i) / size + one * old_weights[i - 1] * i / size
    weights[d] = 0.0 + one * old_weights[d - 1] * d / size
    path.n_hot, path.n_cold = old.n_hot, old.n_cold
    for i in range(old.n_hot):
        path.hot[i] = old.hot[i]
        path.hot_features[i] = old.hot_features[i]
    for i in range(old.n_cold):
        path.cold[i] = old.cold[i]
        path.cold_features[i] = old.cold_features[i]
    if is_hot:
        path.hot[path.n_hot] = fraction
        path.hot_features[path.n_hot] = feature
        path.n_hot += 1
    else:
        path.cold[path.n_cold] = fraction
        path.cold_features[path.n_cold] = feature
        path.n_cold += 1


cdef inline double take_feature(Path* path, int32_t feature, bint* is_hot) noexcept nogil:
    """Undo the element of a feature, if the path has it; its fraction and whether it was hot, or 1 and true."""
    cdef int i, k, d = path.n_hot + path.n_cold
    cdef double size = d + 1, fraction, rest, weight
    cdef double* weights = path.weights
    is_hot[0] = True
    for k in range(path.n_hot):
        if path.hot_features[k] == feature:
            fraction = path.hot[k]
            path.n_hot -= 1
            path.hot[k] = path.hot[path.n_hot]
            path.hot_features[k] = path.hot_features[path.n_hot]
            rest = weights[d]
            for i in range(d - 1, -1, -1):
                weight = weights[i]
                weights[i] = rest * size / <double> (i + 1)
                rest = weight - weights[i] * fraction * (d - i) / size
            return fraction
    for k in range(path.n_cold):
        if path.cold_features[k] == feature:
            fraction = path.cold[k]
            path.n_cold -= 1
            path.cold[k] = path.cold[path.n_cold]
            path.cold_features[k] = path.cold_features[path.n_cold]
            for i in range(d):
                weights[i] = weights[i] * size / (fraction * (d - i))
            is_hot[0] = False
            return fraction
    return 1.0


cdef inline void find_totals(const Path* path, Stack* stack, double leaf_value) noexcept nogil:
    """What a leaf adds to each feature of its path: hot ones, then cold ones."""
    cdef int i, k, n_hot = path.n_hot, n_cold = path.n_cold, d = n_hot + n_cold
    cdef double size = d + 1, ratio, weight, place
    cdef double* totals = stack.totals
    cdef double* rests = stack.rests
    for k in range(n_hot):
        totals[k] = 0.0
        rests[k] = path.weights[d]
    for k in range(n_cold):
        totals[n_hot + k] = 0.0
    for i in range(d - 1, -1, -1):
        ratio = (d - i) / size
        weight = path.weights[i]
        place = i + 1
        add_hot(totals, rests, path.hot, size, place, weight, ratio, n_hot)
        add_cold(totals + n_hot, path.cold, weight, ratio, n_cold)
    for k in range(n_hot):
        totals[k] = totals[k] * (1.0 - path.hot[k]) * leaf_value
        stack.features[k] = path.hot_features[k]
    for k in range(n_cold):
        totals[n_hot + k] = totals[n_hot + k] * (0.0 - path.cold[k]) * leaf_value
        stack.features[n_hot + k] = path.cold_features[k]


cdef extern from "fasttrees/_engine/native/contributions.hpp":
    void add_hot "fasttrees_add_hot"(
        double* totals, double* rests, const double* fractions, double size, double place, double weight,
        double ratio, int n,
    ) noexcept nogil
    void add_cold "fasttrees_add_cold"(
        double* totals, const double* fractions, double weight, double ratio, int n
    ) noexcept nogil
    void add_to_rows "fasttrees_add_to_rows"(
        double* out, size_t stride, const uint16_t* rows, int n_rows, const double* values, const int32_t* features,
        int n,
    ) noexcept nogil


cdef inline int32_t divide_rows(
    const uint16_t* rows, int32_t n_rows, const uint8_t* goes_left, uint16_t* out
) noexcept nogil:
    """Copy rows: those that go left from the front, the others from the back. How many go left."""
    cdef int32_t i, front = 0, back = n_rows - 1
    cdef uint8_t left
    for i in range(n_rows):
        left = goes_left[rows[i]]
        out[front] = out[back] = rows[i]
        front += left
        back -= 1 - left
    return front
