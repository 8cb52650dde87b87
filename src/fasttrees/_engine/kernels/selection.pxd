"""The inner loops over a block of rows: no Python, no allocation, and on the main path no branch on a value.

A block is padded to whole vectors of LANES rows, so that the inner loops have a constant length and the C compiler
turns each into a few vector instructions for whatever processor it compiles for. Rows that pad a block are computed
like any other and never written out.
"""
from libc.math cimport fabs
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fasttrees._engine.categories cimport TILE
from fasttrees._engine.plan cimport BLOCK, LANES, LEFT_IS_VECTOR, RIGHT_IS_VECTOR
from fasttrees._engine.ranks cimport MAX_RANK, Column, RankedFeature, bucket_of
from fasttrees._engine.rows cimport ZERO_THRESHOLD

cdef extern from "fasttrees/_engine/native/selection.hpp":
    # Bytes that no other pointer of the same function reaches: the promise that lets the compiler vectorise.
    ctypedef uint8_t* Bytes "fasttrees_bytes"
    ctypedef const uint8_t* ConstBytes "fasttrees_const_bytes"

cdef enum:
    FEW_ROWS = 256

cdef enum:
    # In place of ranks: what a column may treat as missing.
    NAN_MARK = 0xFFFFFFFF
    ZERO_MARK = 0xFFFFFFFE


# -- columns ----------------------------------------------------------------------------------------------------------

cdef inline void search_buckets(
    const double* values, const double* thresholds, uint32_t* ranks, int n, int steps
) noexcept nogil:
    """Finish the search for each value's rank, from its bucket's first threshold on."""
    cdef int i, step
    cdef uint32_t rank
    cdef double value
    for i in range(n):
        rank = ranks[i]
        value = values[i]
        for step in range(steps - 1, -1, -1):
            rank += <uint32_t> (not value <= thresholds[rank + (1 << step) - 1]) << step
        ranks[i] = rank | -<uint32_t> (value != value)


cdef inline void count_exceeded(
    const double* values, const double* thresholds, uint32_t* ranks, int n, int n_thresholds
) noexcept nogil:
    """Rank of each value by comparison with every threshold: for a few, sooner than a search."""
    cdef int i, k
    cdef double threshold = thresholds[0]
    for i in range(n):
        ranks[i] = not values[i] <= threshold
    for k in range(1, n_thresholds):
        threshold = thresholds[k]
        for i in range(n):
            ranks[i] += not values[i] <= threshold
    for i in range(n):
        ranks[i] |= -<uint32_t> (values[i] != values[i])


cdef inline void rank_values(
    const double* values, const RankedFeature* feature, const double* thresholds, const uint32_t* buckets,
    uint32_t* ranks, int n,
) noexcept nogil:
    """Rank of each value: how many of its feature's thresholds it exceeds. NaNs, and zeros if asked for, are marked."""
    cdef int i
    cdef double low = feature.low, scale = feature.scale, last_bucket = feature.last_bucket
    if last_bucket > 0:
        for i in range(n):
            ranks[i] = bucket_of(values[i], low, scale, last_bucket)
        for i in range(n):
            ranks[i] = buckets[ranks[i]]
    # One branch for all rows, so that each loop has a constant number of steps.
    if last_bucket == 0:
        count_exceeded(values, thresholds, ranks, n, (1 << feature.steps) - 1)
    elif feature.steps == 1:
        search_buckets(values, thresholds, ranks, n, 1)
    elif feature.steps == 2:
        search_buckets(values, thresholds, ranks, n, 2)
    elif feature.steps == 3:
        search_buckets(values, thresholds, ranks, n, 3)
    elif feature.steps == 4:
        search_buckets(values, thresholds, ranks, n, 4)
    elif feature.steps == 5:
        search_buckets(values, thresholds, ranks, n, 5)
    else:
        search_buckets(values, thresholds, ranks, n, feature.steps)
    if feature.marks_zeros:
        for i in range(n):
            ranks[i] = <uint32_t> ZERO_MARK if fabs(values[i]) <= ZERO_THRESHOLD else ranks[i]


cdef inline void fill_column(const Column* column, const uint32_t* ranks, Bytes out, int n) noexcept nogil:
    """Cut ranks to the column's range of 255 thresholds; put marked values where the column wants them."""
    cdef int i
    cdef uint32_t rank, nan_rank = column.nan_rank, zero_rank = column.zero_rank, first_rank = column.first_rank
    for i in range(n):
        rank = ranks[i]
        rank = nan_rank if rank == <uint32_t> NAN_MARK else rank
        rank = zero_rank if rank == <uint32_t> ZERO_MARK else rank
        rank = rank - first_rank if rank > first_rank else 0
        out[i] = rank if rank < MAX_RANK else MAX_RANK


cdef inline int32_t category_of(double value) noexcept nogil:
    """The category that LightGBM sees: cut towards zero; -1, in no set, for what is no 32-bit category."""
    return <int32_t> value if -1.0 < value < 2147483648.0 else -1


cdef inline bint is_in_set(int32_t category, const uint32_t* words, uint32_t n_words) noexcept nogil:
    cdef uint32_t word = <uint32_t> category >> 5
    return category >= 0 and word < n_words and words[word] >> (category & 31) & 1


cdef inline void fill_set_column(
    const int32_t* categories, const uint32_t* words, uint32_t n_words, Bytes out, int n
) noexcept nogil:
    """Bytes for a categorical split, made to look like ranks: 0 (left of rank 0) in the set, else 1."""
    cdef int i
    for i in range(n):
        out[i] = not is_in_set(categories[i], words, n_words)


cdef inline void copy_bytes(const uint64_t* rows, int shift, Bytes out) noexcept nogil:
    cdef int i
    for i in range(LANES):
        out[i] = <uint8_t> (rows[i] >> shift)


cdef inline void find_outcomes(
    const uint16_t* classes, const uint64_t* class_bits, Bytes outcomes, int n
) noexcept nogil:
    """Outcomes of 64 splits of one feature: a column of bytes for each eight of them, a bit each, 1 if it goes right.

    Every class has its outcomes ready, a bit for each split, so that a row is looked up once for all of them.
    """
    cdef uint64_t rows[LANES]
    cdef int i, byte, first = 0
    while first < n:
        for i in range(LANES):
            rows[i] = ~class_bits[classes[first + i]]
        for byte in range(TILE // 8):
            copy_bytes(rows, 8 * byte, outcomes + byte * BLOCK + first)
        first += LANES


# -- selection --------------------------------------------------------------------------------------------------------

cdef inline void select(
    ConstBytes column, uint8_t mask, uint8_t rank, ConstBytes left, int left_step, ConstBytes right, int right_step,
    Bytes out, int n,
) noexcept nogil:
    """out = left where column & mask <= rank, else right; a step of 0 repeats the operand's first LANES bytes."""
    cdef int i, vector
    for vector in range((n + LANES - 1) // LANES):
        for i in range(LANES):
            out[i] = right[i] ^ ((left[i] ^ right[i]) & -<uint8_t> ((column[i] & mask) <= rank))
        column += LANES
        left += left_step
        right += right_step
        out += LANES


cdef inline void select_by_shape(
    uint8_t shape, ConstBytes column, uint8_t mask, uint8_t rank, ConstBytes left, ConstBytes right, Bytes out, int n
) noexcept nogil:
    """Select for operands of the given shape.

    For many rows with a loop for each shape, so that a repeated operand is read once; for few rows, a wrong guess of
    the shape would cost more than that.
    """
    if n <= FEW_ROWS:
        select(
            column, mask, rank, left, (shape & LEFT_IS_VECTOR) * LANES // LEFT_IS_VECTOR, right,
            (shape & RIGHT_IS_VECTOR) * LANES // RIGHT_IS_VECTOR, out, n,
        )
    elif shape & (LEFT_IS_VECTOR | RIGHT_IS_VECTOR) == LEFT_IS_VECTOR | RIGHT_IS_VECTOR:
        select(column, mask, rank, left, LANES, right, LANES, out, n)
    elif shape & LEFT_IS_VECTOR:
        select(column, mask, rank, left, LANES, right, 0, out, n)
    elif shape & RIGHT_IS_VECTOR:
        select(column, mask, rank, left, 0, right, LANES, out, n)
    else:
        select(column, mask, rank, left, 0, right, 0, out, n)


# -- leaves -----------------------------------------------------------------------------------------------------------

ctypedef fused LeafNumber:
    uint8_t
    int32_t


cdef inline void add_leaf_values(double* scores, const double* values, const LeafNumber* leaves, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        scores[i] += values[leaves[i]]


cdef inline void add_leaf_values_of_four(
    double* scores, const double* const* values, const uint8_t* leaves, int n
) noexcept nogil:
    """Add the leaf values of four trees, in order; the leaf numbers of each tree begin BLOCK bytes after the last's."""
    cdef int i
    cdef double score
    cdef const double* first = values[0]
    cdef const double* second = values[1]
    cdef const double* third = values[2]
    cdef const double* fourth = values[3]
    for i in range(n):
        score = scores[i] + first[leaves[i]]
        score = score + second[leaves[BLOCK + i]]
        score = score + third[leaves[2 * BLOCK + i]]
        scores[i] = score + fourth[leaves[3 * BLOCK + i]]
