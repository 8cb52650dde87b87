"""Scores rows one by one: each tree walked from its root, on the values themselves.

For a few rows, where the making of ranks and columns would not pay. Runs without the GIL and never fails but for
memory; trusts what Forest and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport fabs, isnan
from libc.stdint cimport int32_t, int64_t

from fasttrees._forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, MISSING_ZERO, Forest, Node
from fasttrees._kernels cimport category_of, is_in_set
from fasttrees._objective cimport Objective
from fasttrees._rows cimport ZERO_LIMIT, Rows, read_value, squash


cdef struct Job:
    # What one call computes, and where it goes.
    Rows rows
    int64_t first_tree
    int64_t last_tree
    int n_classes
    int64_t n_outputs   # per row
    bint transforms     # whether scores are raw until the objective has transformed them
    double divisor      # of averaged scores; 1 otherwise
    double* scores      # row-major; NULL if leaf numbers are wanted
    int32_t* leaves     # row-major; NULL if scores are wanted


cdef inline bint walk_rows(
    Forest forest, Objective objective, const Job* job, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """Score rows one by one; false without memory."""
    cdef double* values = <double*> PyMem_RawMalloc((forest.n_features + 1) * sizeof(double))
    cdef const char* row = job.rows.data + start * job.rows.row_stride
    cdef Py_ssize_t i
    cdef int32_t column, k
    cdef int64_t tree, leaf
    cdef double* scores
    if values == NULL:
        return False
    for i in range(start, stop):
        for column in range(forest.n_features):
            values[column] = squash(read_value(&job.rows, row, column))
        row += job.rows.row_stride
        if job.leaves != NULL:
            for tree in range(job.first_tree, job.last_tree):
                job.leaves[i * job.n_outputs + tree - job.first_tree] = find_leaf(forest, tree, values)
            continue
        scores = job.scores + i * job.n_classes
        for k in range(job.n_classes):
            scores[k] = 0.0
        k = 0
        for tree in range(job.first_tree, job.last_tree):
            leaf = find_leaf(forest, tree, values)
            if forest.linear_begin[tree] == forest.linear_begin[tree + 1]:
                scores[k] += forest.leaf_value[forest.leaf_begin[tree] + leaf]
            else:
                scores[k] += linear_value(forest, tree, leaf, values, forest.term_feature.data(), 1)
            k = 0 if k + 1 == job.n_classes else k + 1
        finish_scores(objective, job, i, 1)
    PyMem_RawFree(values)
    return True


cdef inline int32_t find_leaf(Forest forest, int64_t tree, const double* values) noexcept nogil:
    """Walk one tree for one row of values, tiny ones made zero before."""
    cdef const Node* nodes = forest.nodes.data() + forest.node_begin[tree]
    cdef const Node* node
    cdef int32_t place = 0 if forest.node_begin[tree + 1] > forest.node_begin[tree] else -1
    cdef int64_t set_number, word
    cdef double value
    cdef bint left
    while place >= 0:
        node = nodes + place
        value = values[node.feature]
        if node.decision & CATEGORICAL:
            set_number = <int64_t> node.threshold
            word = forest.set_begin[set_number]
            left = is_in_set(
                category_of(value), forest.set_words.data() + word, forest.set_begin[set_number + 1] - word
            )
        elif isnan(value):
            left = node.nan_left
        elif node.decision & MISSING_TYPE == MISSING_ZERO and fabs(value) <= ZERO_LIMIT:
            left = node.decision & DEFAULT_LEFT
        else:
            left = value <= node.threshold
        place = node.left if left else node.right
    return ~place


cdef inline double linear_value(
    Forest forest, int64_t tree, int64_t leaf, const double* values, const int32_t* places, int stride
) noexcept nogil:
    """The linear model of a leaf; `values[places[term] * stride]` is the feature of a term.

    A missing feature makes it the leaf's plain value. One multiplication and one addition a term, in order, as
    LightGBM does it.
    """
    cdef int64_t linear_leaf = forest.linear_begin[tree] + leaf
    cdef double result = forest.linear_constant[linear_leaf]
    cdef double value
    cdef int64_t term
    for term in range(forest.term_begin[linear_leaf], forest.term_begin[linear_leaf + 1]):
        value = values[<Py_ssize_t> places[term] * stride]
        if isnan(value):
            return forest.leaf_value[forest.leaf_begin[tree] + leaf]
        result += forest.term_coefficient[term] * value
    return result


cdef inline void finish_scores(Objective objective, const Job* job, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """Average and transform the raw scores of some rows, in place."""
    cdef double* scores = job.scores + start * job.n_classes
    cdef Py_ssize_t i
    if not job.transforms:
        return
    if job.divisor != 1.0:
        for i in range(n * job.n_classes):
            scores[i] /= job.divisor
    objective.transform(scores, n)
