"""Score rows one by one: eight trees walked at a time from their roots, on the ranks of the row's values.

For a few rows, where evaluating every split would not pay. Runs without the GIL and never fails but for memory; trusts
what Forest, RowPlan and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport fabs, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fasttrees._engine.categories cimport CategoricalFeature, CategorySet
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.kernels.selection cimport category_of, is_in_set
from fasttrees._engine.objective cimport Objective
from fasttrees._engine.ranks cimport MAX_RANK, Column, RankedFeature, Ranks, bucket_of
from fasttrees._engine.row_plan cimport LEAF_RANK, RowPlan, Step
from fasttrees._engine.rows cimport ZERO_THRESHOLD, Rows, read_seen, read_value

cdef enum:
    GROUP = 8             # trees walked at a time
    STACK_COLUMNS = 4096  # bytes of a row that need no allocation


cdef struct Job:
    # What one call computes, and where it goes.
    Rows rows
    int64_t first_tree
    int64_t last_tree
    int n_classes
    int64_t n_outputs   # per row
    bint transforms     # whether scores are raw until the objective has transformed them
    double divisor      # of averaged scores; 1 otherwise
    int64_t test_trees  # after each so many trees rows are tested for an early stop; 0: never
    double margin       # a row stops if its score is decided by more than this
    double* scores      # row-major; NULL if leaf numbers are wanted
    int32_t* leaves     # row-major; NULL if scores are wanted


cdef inline bint walk_rows(
    Forest forest, RowPlan plan, Objective objective, const Job* job, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """Score rows one by one; false without memory."""
    cdef uint8_t on_stack[STACK_COLUMNS]
    cdef char* memory = NULL
    cdef double* values = NULL  # for linear leaves
    cdef uint8_t* columns = on_stack
    cdef size_t n_values = forest.n_features if forest.linear_constant.size() else 0
    cdef int64_t first, last
    cdef Py_ssize_t i
    cdef int32_t feature
    if n_values or plan.n_columns > STACK_COLUMNS:
        memory = <char*> PyMem_RawMalloc(n_values * sizeof(double) + plan.n_columns)
        if memory == NULL:
            return False
        values = <double*> memory
        columns = <uint8_t*> memory + n_values * sizeof(double)
    for i in range(start, stop):
        fill_row(forest, plan, &job.rows, i, columns)
        for feature in range(<int32_t> n_values):
            values[feature] = read_seen(&job.rows, i, feature)
        if job.leaves == NULL:
            memset(job.scores + i * job.n_classes, 0, job.n_classes * sizeof(double))
        first = job.first_tree
        while True:
            last = min(job.last_tree, first + job.test_trees) if job.test_trees else job.last_tree
            walk_trees(forest, plan, job, i, columns, values, first, last)
            if last == job.last_tree or is_decided(job, job.scores + i * job.n_classes):
                break
            first = last
        if job.leaves == NULL:
            finish_scores(objective, job, i, 1)
    PyMem_RawFree(memory)
    return True


cdef inline void fill_row(
    Forest forest, RowPlan plan, const Rows* rows, Py_ssize_t row, uint8_t* columns
) noexcept nogil:
    """Make the bytes that the splits look at: ranks, and the outcomes of categorical splits."""
    cdef size_t i
    for i in range(plan.ranks.features.size()):
        fill_ranks(plan.ranks, &plan.ranks.features[i], read_value(rows, row, plan.ranks.features[i].feature), columns)
    for i in range(plan.categories.features.size()):
        fill_outcomes(
            forest, plan, i, category_of(read_value(rows, row, plan.categories.features[i].feature)), columns
        )


cdef inline void fill_ranks(Ranks ranks, const RankedFeature* ranked, double value, uint8_t* columns) noexcept nogil:
    """Bytes for the splits on a numerical feature: what rank_values and fill_column do for the rows of a block."""
    cdef const double* thresholds = ranks.thresholds.data() + ranked.threshold_begin
    cdef const Column* column = ranks.columns.data() + ranked.column_begin
    cdef uint32_t rank = ranks.buckets[
        ranked.bucket_begin + bucket_of(value, ranked.low, ranked.scale, ranked.last_bucket)
    ]
    cdef uint32_t place
    cdef int step
    cdef uint32_t number
    for step in range(ranked.steps - 1, -1, -1):
        rank += <uint32_t> (not value <= thresholds[rank + (1 << step) - 1]) << step
    for number in range(ranked.column_begin, ranked.column_end):
        place = rank if fabs(value) > ZERO_THRESHOLD else column.nan_rank if isnan(value) \
            else column.zero_rank if ranked.marks_zeros else rank
        place = place - column.first_rank if place > column.first_rank else 0
        columns[number] = place if place < MAX_RANK else MAX_RANK
        column += 1


cdef inline void fill_outcomes(
    Forest forest, RowPlan plan, size_t slot, int32_t category, uint8_t* columns
) noexcept nogil:
    """Bytes for the splits on a categorical feature, made to look like ranks: 0 (left of rank 0) in the set, else 1."""
    cdef const CategoricalFeature* feature = &plan.categories.features[slot]
    cdef const CategorySet* category_set
    cdef const uint64_t* bits = plan.categories.class_bits.data() + feature.bits_begin
    cdef uint8_t* outcomes = columns + plan.outcome_begin[slot]
    cdef size_t i
    cdef int byte
    if feature.n_tiles == 0:
        for i in range(plan.categories.sets.size()):
            category_set = &plan.categories.sets[i]
            if category_set.slot == slot:
                outcomes[category_set.split] = not is_in_set(
                    category, forest.set_words.data() + category_set.word_begin, category_set.n_words
                )
        return
    if <uint32_t> category < feature.n_categories:
        bits += plan.categories.category_classes[feature.category_begin + category]
    for i in range(feature.n_tiles):
        for byte in range(8):
            memcpy(outcomes, plan.categories.mask_bytes.data() + (bits[0] >> 8 * byte & 0xFF) * 8, 8)
            outcomes += 8
        bits += feature.n_classes


cdef inline void walk_trees(
    Forest forest, RowPlan plan, const Job* job, Py_ssize_t row, const uint8_t* columns, const double* values,
    int64_t first, int64_t last,
) noexcept nogil:
    """Find the row's leaf in some trees; add the leaves' values to its scores or write the leaves' numbers."""
    cdef double* scores = NULL
    cdef uint32_t places[GROUP]
    cdef int64_t tree, leaf
    cdef int i, k = 0
    if job.leaves == NULL:
        scores = job.scores + row * job.n_classes
    while first < last:
        for i in range(GROUP):  # the last tree also in place of those that a group lacks
            places[i] = plan.roots[min(first + i, last - 1)]
        walk_group(plan.steps.data(), columns, places)
        for i in range(<int> min(<int64_t> GROUP, last - first)):
            tree = first + i
            leaf = plan.steps[places[i]].test >> 8
            if scores == NULL:
                job.leaves[row * job.n_outputs + tree - job.first_tree] = leaf
                continue
            if forest.linear_begin[tree] == forest.linear_begin[tree + 1]:
                scores[k] += forest.leaf_value[forest.leaf_begin[tree] + leaf]
            else:
                scores[k] += linear_value(forest, tree, leaf, values)
            k = 0 if k + 1 == job.n_classes else k + 1
        first += GROUP


cdef inline void walk_group(const Step* steps, const uint8_t* columns, uint32_t* places) noexcept nogil:
    """Walk trees to their leaves, all by a step in turn: the steps of different trees do not wait for each other."""
    cdef uint8_t common = 0
    cdef int i
    while common < LEAF_RANK:
        for i in range(GROUP):
            places[i] = step(steps, columns, places[i])
        common = LEAF_RANK
        for i in range(GROUP):
            common &= <uint8_t> steps[places[i]].test
            places[i] = step(steps, columns, places[i])


cdef inline uint32_t step(const Step* steps, const uint8_t* columns, uint32_t place) noexcept nogil:
    cdef uint32_t test = steps[place].test
    return steps[place].next + (columns[test >> 8] > <uint8_t> test)


cdef inline double linear_value(Forest forest, int64_t tree, int64_t leaf, const double* values) noexcept nogil:
    """The linear model of a leaf, on the values of all features; a missing one makes it the leaf's plain value.

    One multiplication and one addition a term, in order, as LightGBM does it.
    """
    cdef int64_t linear_leaf = forest.linear_begin[tree] + leaf
    cdef double result = forest.linear_constant[linear_leaf]
    cdef double value
    cdef int64_t term
    for term in range(forest.term_begin[linear_leaf], forest.term_begin[linear_leaf + 1]):
        value = values[forest.term_feature[term]]
        if isnan(value):
            return forest.leaf_value[forest.leaf_begin[tree] + leaf]
        result += forest.term_coefficient[term] * value
    return result


cdef inline bint is_decided(const Job* job, const double* scores) noexcept nogil:
    """Whether a row stops early with these raw scores."""
    cdef double largest, second
    cdef int i
    if job.n_classes == 1:
        return 2.0 * fabs(scores[0]) > job.margin
    first_votes(scores[0], scores[1], &largest, &second)
    for i in range(2, job.n_classes):
        further_vote(scores[i], &largest, &second)
    return largest - second > job.margin


# The two largest scores of a row. LightGBM sorts them to the front with C++'s partial_sort; where scores are NaN, the
# order of its comparisons decides which two those are, so it is kept.

cdef inline void first_votes(double one, double other, double* largest, double* second) noexcept nogil:
    largest[0] = other if other > one else one
    second[0] = one if other > one else other


cdef inline void further_vote(double score, double* largest, double* second) noexcept nogil:
    cdef bint is_above = score > second[0], is_between = largest[0] > score
    second[0] = (score if is_between else largest[0]) if is_above else second[0]
    largest[0] = score if is_above and not is_between else largest[0]


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
