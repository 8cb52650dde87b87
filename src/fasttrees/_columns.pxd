"""The memory of one block of rows, and its columns: all that the trees look at, made from the rows' values."""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fasttrees._categories cimport TILE, CategoricalFeature
from fasttrees._kernels cimport category_of, fill_column, rank_values
from fasttrees._plan cimport BLOCK, LANES, MAX_SELECT_LEAVES, N_SLOTS, Plan
from fasttrees._ranks cimport RankedFeature
from fasttrees._rows cimport Rows, gather, squash

cdef enum:
    GROUP = 8  # columns read from the rows at a time: a cache line of doubles
    TEAM = 4   # trees whose leaf values are added together


cdef struct Scratch:
    # Memory for one block, cut from one allocation.
    double* values         # GROUP features, as read
    double* raw            # features that linear leaves read, tiny values made zero
    double* scores         # of one class
    uint32_t* ranks
    int32_t* categories    # by categorical feature
    uint16_t* classes      # by categorical feature
    uint64_t* outcomes     # by categorical feature: of a tile of its splits
    int32_t* tiles         # by categorical feature: which tile; -1 if none yet
    int32_t* leaves
    uint8_t* columns
    uint8_t* set_column
    uint8_t* operands      # of the selection: leaf numbers and slots, see Select
    uint8_t* results       # of the selection: leaf numbers for TEAM trees


cdef inline size_t lay_out(Plan plan, char* memory, Scratch* scratch) noexcept nogil:
    """Cut `memory` into the arrays of a scratch; the bytes they take. Whole blocks of rows keep each one aligned."""
    cdef size_t doubles = BLOCK * sizeof(double), size = 0
    scratch.values = <double*> (memory + size)
    size += GROUP * doubles
    scratch.raw = <double*> (memory + size)
    size += plan.raw_features.size() * doubles
    scratch.scores = <double*> (memory + size)
    size += doubles
    scratch.ranks = <uint32_t*> (memory + size)
    size += BLOCK * sizeof(uint32_t)
    scratch.categories = <int32_t*> (memory + size)
    size += plan.categories.features.size() * BLOCK * sizeof(int32_t)
    scratch.classes = <uint16_t*> (memory + size)
    size += plan.categories.features.size() * BLOCK * sizeof(uint16_t)
    scratch.outcomes = <uint64_t*> (memory + size)
    size += plan.categories.features.size() * TILE * (BLOCK // LANES) * sizeof(uint64_t)
    scratch.tiles = <int32_t*> (memory + size)
    size += (plan.categories.features.size() * sizeof(int32_t) + LANES - 1) // LANES * LANES
    scratch.leaves = <int32_t*> (memory + size)
    size += BLOCK * sizeof(int32_t)
    scratch.columns = <uint8_t*> (memory + size)
    size += plan.ranks.columns.size() * BLOCK
    scratch.set_column = <uint8_t*> (memory + size)
    size += BLOCK
    scratch.operands = <uint8_t*> (memory + size)
    size += MAX_SELECT_LEAVES * LANES + N_SLOTS * BLOCK
    scratch.results = <uint8_t*> (memory + size)
    return size + TEAM * BLOCK


cdef inline void make_columns(Plan plan, const Rows* rows, Scratch* scratch, Py_ssize_t start, int n) noexcept nogil:
    """Read the block's values and make from them all that the trees look at."""
    cdef int32_t group[GROUP]
    cdef const RankedFeature* ranked
    cdef double* values
    cdef int i, j, count
    cdef size_t first = 0
    cdef uint32_t column
    while first < plan.ranks.features.size():
        count = <int> min(plan.ranks.features.size() - first, <size_t> GROUP)
        for i in range(count):
            group[i] = plan.ranks.features[first + i].feature
        gather(rows, start, n, group, count, scratch.values, BLOCK)
        for i in range(count):
            ranked = &plan.ranks.features[first + i]
            values = scratch.values + i * BLOCK
            rank_values(
                values, ranked, plan.ranks.thresholds.data() + ranked.threshold_begin,
                plan.ranks.buckets.data() + ranked.bucket_begin, scratch.ranks, n,
            )
            for column in range(ranked.column_begin, ranked.column_end):
                fill_column(&plan.ranks.columns[column], scratch.ranks, scratch.columns + column * BLOCK, n)
        first += GROUP
    for first in range(plan.categories.features.size()):
        make_categories(plan, rows, scratch, start, n, first)
    for first in range(plan.raw_features.size()):
        values = scratch.raw + first * BLOCK
        gather(rows, start, n, &plan.raw_features[first], 1, values, BLOCK)
        for j in range(n):
            values[j] = squash(values[j])


cdef inline void make_categories(
    Plan plan, const Rows* rows, Scratch* scratch, Py_ssize_t start, int n, size_t slot
) noexcept nogil:
    """Read a categorical feature of the block: its categories and, if it has classes, those."""
    cdef const CategoricalFeature* feature = &plan.categories.features[slot]
    cdef const uint16_t* category_classes = plan.categories.category_classes.data() + feature.category_begin
    cdef int32_t* categories = scratch.categories + slot * BLOCK
    cdef uint16_t* classes = scratch.classes + slot * BLOCK
    cdef int i
    gather(rows, start, n, &feature.feature, 1, scratch.values, BLOCK)
    for i in range(n):
        categories[i] = category_of(scratch.values[i])
    scratch.tiles[slot] = -1
    if feature.n_tiles:
        for i in range(n):
            classes[i] = category_classes[categories[i]] if <uint32_t> categories[i] < feature.n_categories else 0
