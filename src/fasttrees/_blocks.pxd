"""Scores rows in blocks, by rank and selection; docs/how-it-works.md tells how.

Runs without the GIL and never fails but for memory; trusts what Forest, Plan and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from fasttrees._forest cimport Forest
from fasttrees._kernels cimport (
    add_leaf_values, add_leaf_values_of_four, category_of, fill_column, fill_set_column, is_in_set, rank_values, select,
)
from fasttrees._objective cimport Objective
from fasttrees._plan cimport (
    BLOCK, IN_SET, LANES, LEFT_IS_VECTOR, MAX_SELECT_LEAVES, N_SLOTS, RIGHT_IS_VECTOR, CategorySet, Plan, RankedFeature,
    RankNode, Select, TreePlan,
)
from fasttrees._rows cimport Rows, gather, squash
from fasttrees._walk cimport Job, finish_scores, linear_value

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
    size += plan.categorical_features.size() * BLOCK * sizeof(int32_t)
    scratch.leaves = <int32_t*> (memory + size)
    size += BLOCK * sizeof(int32_t)
    scratch.columns = <uint8_t*> (memory + size)
    size += plan.columns.size() * BLOCK
    scratch.set_column = <uint8_t*> (memory + size)
    size += BLOCK
    scratch.operands = <uint8_t*> (memory + size)
    size += MAX_SELECT_LEAVES * LANES + N_SLOTS * BLOCK
    scratch.results = <uint8_t*> (memory + size)
    return size + TEAM * BLOCK


cdef inline bint evaluate_blocks(
    Forest forest, Plan plan, Objective objective, const Job* job, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """Score rows in blocks; false without memory."""
    cdef Scratch scratch
    cdef size_t size = lay_out(plan, NULL, &scratch)
    cdef char* memory = <char*> PyMem_RawMalloc(size + LANES)
    cdef int n
    if memory == NULL:
        return False
    memset(memory, 0, size + LANES)  # rows that pad a block are computed too: let them be numbers
    lay_out(plan, memory + LANES - <size_t> memory % LANES, &scratch)
    for n in range(MAX_SELECT_LEAVES):
        memset(scratch.operands + n * LANES, n, LANES)
    while start < stop:
        n = <int> min(stop - start, <Py_ssize_t> BLOCK)
        make_columns(plan, &job.rows, &scratch, start, n)
        evaluate_trees(forest, plan, job, &scratch, start, n)
        if job.leaves == NULL:
            finish_scores(objective, job, start, n)
        start += n
    PyMem_RawFree(memory)
    return True


cdef inline void make_columns(Plan plan, const Rows* rows, Scratch* scratch, Py_ssize_t start, int n) noexcept nogil:
    """Read the block's values and make from them all that the trees look at."""
    cdef int32_t group[GROUP]
    cdef const RankedFeature* ranked
    cdef double* values
    cdef int i, j, count
    cdef size_t first = 0
    cdef uint32_t column
    while first < plan.ranked_features.size():
        count = <int> min(plan.ranked_features.size() - first, <size_t> GROUP)
        for i in range(count):
            group[i] = plan.ranked_features[first + i].feature
        gather(rows, start, n, group, count, scratch.values, BLOCK)
        for i in range(count):
            ranked = &plan.ranked_features[first + i]
            values = scratch.values + i * BLOCK
            rank_values(
                values, ranked, plan.thresholds.data() + ranked.threshold_begin,
                plan.buckets.data() + ranked.bucket_begin, scratch.ranks, n,
            )
            for column in range(ranked.column_begin, ranked.column_end):
                fill_column(&plan.columns[column], scratch.ranks, scratch.columns + column * BLOCK, n)
        first += GROUP
    for first in range(plan.categorical_features.size()):
        gather(rows, start, n, &plan.categorical_features[first], 1, scratch.values, BLOCK)
        for j in range(n):
            scratch.categories[first * BLOCK + j] = category_of(scratch.values[j])
    for first in range(plan.raw_features.size()):
        values = scratch.raw + first * BLOCK
        gather(rows, start, n, &plan.raw_features[first], 1, values, BLOCK)
        for j in range(n):
            values[j] = squash(values[j])


cdef inline void evaluate_trees(
    Forest forest, Plan plan, const Job* job, Scratch* scratch, Py_ssize_t start, int n
) noexcept nogil:
    """Find each row's leaf in each tree; add the leaves' values to the rows' scores or write the leaves' numbers."""
    cdef int64_t tree
    cdef int i, class_number
    if job.leaves != NULL:
        for tree in range(job.first_tree, job.last_tree):
            find_leaves(forest, plan, tree, scratch, n)
            for i in range(n):
                job.leaves[(start + i) * job.n_outputs + tree - job.first_tree] = scratch.leaves[i]
        return
    # A class's scores depend on its own trees only, so that one class after the other keeps LightGBM's order.
    for class_number in range(job.n_classes):
        memset(scratch.scores, 0, BLOCK * sizeof(double))
        add_class(forest, plan, job, scratch, class_number, n)
        for i in range(n):
            job.scores[(start + i) * job.n_classes + class_number] = scratch.scores[i]


cdef inline void add_class(
    Forest forest, Plan plan, const Job* job, Scratch* scratch, int class_number, int n
) noexcept nogil:
    """Add the values of the trees of one class, in order."""
    cdef const double* values[TEAM]
    cdef int64_t tree = job.first_tree + class_number
    cdef int i, waiting = 0  # trees of the team, their leaves found
    cdef bint is_linear
    while tree < job.last_tree:
        is_linear = forest.linear_begin[tree] < forest.linear_begin[tree + 1]
        if not is_linear and not plan.trees[tree].is_large:
            select_leaves(forest, plan, &plan.trees[tree], scratch, scratch.results + waiting * BLOCK, n)
            values[waiting] = forest.leaf_value.data() + forest.leaf_begin[tree]
            waiting += 1
            if waiting == TEAM:
                add_leaf_values_of_four(scratch.scores, values, scratch.results, n)
                waiting = 0
        else:
            for i in range(waiting):
                add_leaf_values(scratch.scores, values[i], scratch.results + i * BLOCK, n)
            waiting = 0
            find_leaves(forest, plan, tree, scratch, n)
            if is_linear:
                for i in range(n):
                    scratch.scores[i] += linear_value(
                        forest, tree, scratch.leaves[i], scratch.raw + i, plan.term_slot.data(), BLOCK
                    )
            else:
                add_leaf_values(
                    scratch.scores, forest.leaf_value.data() + forest.leaf_begin[tree], scratch.leaves, n
                )
        tree += job.n_classes
    for i in range(waiting):
        add_leaf_values(scratch.scores, values[i], scratch.results + i * BLOCK, n)


cdef inline void find_leaves(Forest forest, Plan plan, int64_t tree, Scratch* scratch, int n) noexcept nogil:
    """Leaf numbers of a block in any tree, as integers."""
    cdef int i
    if plan.trees[tree].is_large:
        walk_block(forest, plan, &plan.trees[tree], scratch, n)
        return
    select_leaves(forest, plan, &plan.trees[tree], scratch, scratch.results, n)
    for i in range(n):
        scratch.leaves[i] = scratch.results[i]


cdef inline void select_leaves(
    Forest forest, Plan plan, const TreePlan* tree, Scratch* scratch, uint8_t* result, int n
) noexcept nogil:
    """Leaf numbers of a block, as bytes, split by split from the leaves up to the root."""
    cdef const Select* split = plan.selects.data() + tree.begin
    cdef const CategorySet* category_set
    cdef const uint8_t* column
    cdef uint8_t* operands = scratch.operands
    cdef int i
    if tree.n_splits == 0:
        memset(result, 0, BLOCK)
    for i in range(tree.n_splits):
        if split.shape & IN_SET:
            category_set = &plan.sets[split.column]
            fill_set_column(
                scratch.categories + category_set.slot * BLOCK, forest.set_words.data() + category_set.word_begin,
                category_set.n_words, scratch.set_column, n,
            )
            column = scratch.set_column
        else:
            column = scratch.columns + <size_t> split.column * BLOCK
        select(
            column, split.rank, operands + split.left * LANES, LANES if split.shape & LEFT_IS_VECTOR else 0,
            operands + split.right * LANES, LANES if split.shape & RIGHT_IS_VECTOR else 0,
            result if i + 1 == tree.n_splits else operands + split.out * LANES, n,
        )
        split += 1


cdef inline void walk_block(Forest forest, Plan plan, const TreePlan* tree, Scratch* scratch, int n) noexcept nogil:
    """Leaf numbers of a block in a tree with more leaves than bytes can number."""
    cdef const RankNode* nodes = plan.rank_nodes.data() + tree.begin
    cdef const RankNode* node
    cdef const CategorySet* category_set
    cdef int32_t place
    cdef bint left
    cdef int i
    for i in range(n):
        place = 0
        while place >= 0:
            node = nodes + place
            if node.in_set:
                category_set = &plan.sets[node.column]
                left = is_in_set(
                    scratch.categories[category_set.slot * BLOCK + i],
                    forest.set_words.data() + category_set.word_begin, category_set.n_words,
                )
            else:
                left = scratch.columns[<size_t> node.column * BLOCK + i] <= node.rank
            place = node.left if left else node.right
        scratch.leaves[i] = ~place
