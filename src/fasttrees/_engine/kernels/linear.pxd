"""Adds the values of linear leaves for a block of rows."""
from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint16_t

from fasttrees._engine.kernels.scratch cimport Block, Scratch
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.plan cimport BLOCK, CHUNK_TERMS, LinearChunk, Plan


cdef inline void add_linear_values(
    Forest forest, Plan plan, int64_t tree, Scratch* scratch, const Block* block, double* scores, int n
) noexcept nogil:
    """Add to each row's score the value of the linear model of its leaf in a tree.

    All rows add a chunk of terms, those whose leaf has no more drop out, and so on: no branch on a number of terms,
    which would be guessed wrong too often.
    """
    cdef const double* constants = forest.linear_constant.data() + forest.linear_begin[tree]
    cdef const int32_t* chunk_begin = plan.chunk_begin.data() + forest.linear_begin[tree]
    cdef const LinearChunk* chunks = plan.linear_chunks.data()
    cdef const int32_t* leaves = scratch.leaves
    cdef const double* raw = block.raw
    cdef double values[BLOCK]
    cdef int32_t at[BLOCK]
    cdef uint16_t waiting[BLOCK]
    cdef Py_ssize_t row_items = plan.raw_features.size() + 1
    cdef int i, j, n_waiting = 0, n_left
    for i in range(n):
        at[i] = chunk_begin[leaves[i]]
        values[i] = add_terms(constants[leaves[i]], chunks + at[i], raw + i * row_items)
        waiting[n_waiting] = i
        n_waiting += at[i] + 1 < chunk_begin[leaves[i] + 1]
    while n_waiting:
        n_left = 0
        for j in range(n_waiting):
            i = waiting[j]
            at[i] += 1
            values[i] = add_terms(values[i], chunks + at[i], raw + i * row_items)
            waiting[n_left] = i
            n_left += at[i] + 1 < chunk_begin[leaves[i] + 1]
        n_waiting = n_left
    for i in range(n):
        if isnan(values[i]) and misses_feature(
            chunks + chunk_begin[leaves[i]], chunks + chunk_begin[leaves[i] + 1], raw + i * row_items
        ):
            values[i] = forest.leaf_value[forest.leaf_begin[tree] + leaves[i]]
        scores[i] += values[i]


cdef inline double add_terms(double value, const LinearChunk* chunk, const double* row) noexcept nogil:
    """Add a chunk of terms: one multiplication and one addition each, in order, as LightGBM does it."""
    cdef int i
    for i in range(CHUNK_TERMS):
        value += chunk.coefficients[i] * row[chunk.slots[i]]
    return value


cdef inline bint misses_feature(
    const LinearChunk* chunk, const LinearChunk* end, const double* row
) noexcept nogil:
    """Whether a feature that a leaf reads is missing: the leaf's plain value then stands for its linear model."""
    cdef int i
    while chunk < end:
        for i in range(CHUNK_TERMS):
            if isnan(row[chunk.slots[i]]):
                return True
        chunk += 1
    return False
