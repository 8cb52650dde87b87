"""Scores rows in blocks, by rank and selection; docs/how-it-works.md tells how.

Runs without the GIL and never fails but for memory; trusts what Forest, Plan and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from fasttrees._categories cimport TILE, CategoricalFeature, CategorySet
from fasttrees._columns cimport TEAM, Scratch, lay_out, make_columns
from fasttrees._forest cimport Forest
from fasttrees._kernels cimport (
    add_leaf_values, add_leaf_values_of_four, fill_outcome_column, fill_set_column, find_outcomes, is_in_set, select,
)
from fasttrees._objective cimport Objective
from fasttrees._plan cimport (
    BLOCK, IN_SET, LANES, LEFT_IS_VECTOR, MAX_SELECT_LEAVES, RIGHT_IS_VECTOR, Plan, RankNode, Select, TreePlan,
)
from fasttrees._walk cimport Job, finish_scores, linear_value


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
    cdef const uint8_t* column
    cdef uint8_t* operands = scratch.operands
    cdef int i
    if tree.n_splits == 0:
        memset(result, 0, BLOCK)
    for i in range(tree.n_splits):
        if split.shape & IN_SET:
            make_set_column(forest, plan, &plan.categories.sets[split.column], scratch, n)
            column = scratch.set_column
        else:
            column = scratch.columns + <size_t> split.column * BLOCK
        select(
            column, split.rank, operands + split.left * LANES, LANES if split.shape & LEFT_IS_VECTOR else 0,
            operands + split.right * LANES, LANES if split.shape & RIGHT_IS_VECTOR else 0,
            result if i + 1 == tree.n_splits else operands + split.out * LANES, n,
        )
        split += 1


cdef inline void make_set_column(
    Forest forest, Plan plan, const CategorySet* category_set, Scratch* scratch, int n
) noexcept nogil:
    """Column of a categorical split; the outcomes of all splits of its tile are found with the first of them."""
    cdef const CategoricalFeature* feature = &plan.categories.features[category_set.slot]
    cdef const uint64_t* class_bits = plan.categories.class_bits.data() + feature.bits_begin
    cdef uint64_t* outcomes = scratch.outcomes + category_set.slot * TILE * (BLOCK // LANES)
    cdef int32_t tile = category_set.split // TILE
    if feature.n_tiles == 0:
        fill_set_column(
            scratch.categories + category_set.slot * BLOCK, forest.set_words.data() + category_set.word_begin,
            category_set.n_words, scratch.set_column, n,
        )
        return
    if scratch.tiles[category_set.slot] != tile:
        scratch.tiles[category_set.slot] = tile
        find_outcomes(scratch.classes + category_set.slot * BLOCK, class_bits, feature.n_tiles, tile, outcomes, n)
    outcomes += category_set.split % TILE * (BLOCK // LANES)
    fill_outcome_column(outcomes, plan.categories.mask_bytes.data(), scratch.set_column, n)


cdef inline void walk_block(Forest forest, Plan plan, const TreePlan* tree, Scratch* scratch, int n) noexcept nogil:
    """Leaf numbers of a block in a tree with more leaves than bytes can number.

    All rows take a step, those at a leaf drop out, and so on: steps of different rows do not wait for each other.
    """
    cdef const RankNode* nodes = plan.rank_nodes.data() + tree.begin
    cdef const RankNode* node
    cdef uint16_t walking[BLOCK]
    cdef int32_t* places = scratch.leaves
    cdef int32_t place, left
    cdef int i, j, n_walking = n, n_left
    for i in range(n):
        walking[i] = i
        places[i] = 0
    while n_walking:
        n_left = 0
        for j in range(n_walking):
            i = walking[j]
            node = nodes + places[i]
            if node.in_set:
                left = is_in_forest_set(forest, plan, scratch, node.column, i)
            else:
                left = scratch.columns[<size_t> node.column * BLOCK + i] <= node.rank
            place = node.right ^ ((node.left ^ node.right) & -left)  # no branch: it would be guessed wrong too often
            places[i] = place
            walking[n_left] = i
            n_left += place >= 0
        n_walking = n_left
    for i in range(n):
        places[i] = ~places[i]


cdef inline bint is_in_forest_set(
    Forest forest, Plan plan, const Scratch* scratch, uint32_t number, int row
) noexcept nogil:
    cdef const CategorySet* category_set = &plan.categories.sets[number]
    return is_in_set(
        scratch.categories[<size_t> category_set.slot * BLOCK + row],
        forest.set_words.data() + category_set.word_begin, category_set.n_words,
    )
