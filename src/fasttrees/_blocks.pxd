"""Scores rows in blocks, by rank and selection; docs/how-it-works.md tells how.

Runs without the GIL and never fails but for memory; trusts what Forest, Plan and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fasttrees._columns cimport TEAM, Block, Scratch, choose_blocks, lay_out, make_columns
from fasttrees._forest cimport Forest
from fasttrees._kernels cimport add_leaf_values, add_leaf_values_of_four
from fasttrees._linear cimport add_linear_values
from fasttrees._objective cimport Objective
from fasttrees._plan cimport BLOCK, LANES, MAX_SELECT_LEAVES, Plan, RankNode, Select
from fasttrees._trees cimport find_leaves, select_leaves
from fasttrees._walk cimport Job, finish_scores


cdef enum:
    CHUNK_BYTES = 1 << 18  # of the plan, evaluated on one block after the other while it is in the second-level cache


cdef inline bint evaluate_blocks(
    Forest forest, Plan plan, Objective objective, const Job* job, Py_ssize_t start, Py_ssize_t stop
) noexcept nogil:
    """Score rows in blocks, a few of them together; false without memory."""
    cdef Scratch scratch
    cdef char* memory
    cdef Py_ssize_t n
    cdef int i, size
    choose_blocks(plan, stop - start, &scratch)
    memory = <char*> PyMem_RawMalloc(lay_out(plan, NULL, &scratch) + LANES)
    if memory == NULL:
        return False
    lay_out(plan, memory + LANES - <size_t> memory % LANES, &scratch)
    for i in range(MAX_SELECT_LEAVES):
        memset(scratch.operands + i * LANES, i, LANES)
    while start < stop:
        size = scratch.block_rows
        n = min(stop - start, <Py_ssize_t> scratch.n_blocks * size)
        for i in range((n + size - 1) // size):
            make_columns(plan, &job.rows, &scratch, &scratch.blocks[i], start + i * size, rows_of(i, size, n))
        if job.leaves == NULL:
            add_trees(forest, plan, job, &scratch, start, n)
            finish_scores(objective, job, start, n)
        else:
            write_leaves(forest, plan, job, &scratch, start, n)
        start += n
    PyMem_RawFree(memory)
    return True


cdef inline int rows_of(int block, int size, Py_ssize_t n) noexcept nogil:
    """Rows of a block, of n rows in all blocks."""
    return <int> min(n - block * size, <Py_ssize_t> size)


cdef inline int64_t end_of_chunk(Forest forest, Plan plan, const Job* job, int64_t tree, int step) noexcept nogil:
    """The tree before which a chunk ends that begins with `tree` and takes every so many trees."""
    cdef size_t size = 0
    while tree < job.last_tree and size < CHUNK_BYTES:
        size += plan.trees[tree].n_selects * sizeof(Select)
        size += (forest.leaf_begin[tree + 1] - forest.leaf_begin[tree]) * (sizeof(double) + sizeof(RankNode))
        tree += step
    return min(tree, job.last_tree)


cdef inline void add_trees(
    Forest forest, Plan plan, const Job* job, Scratch* scratch, Py_ssize_t start, Py_ssize_t n
) noexcept nogil:
    """Add the values of each row's leaves to the row's scores."""
    cdef int64_t tree, end
    cdef int class_number, block, i, size = scratch.block_rows
    cdef double* scores
    # A class's scores depend on its own trees only, so that one class after the other keeps LightGBM's order.
    for class_number in range(job.n_classes):
        for block in range((n + size - 1) // size):
            memset(scratch.blocks[block].scores, 0, BLOCK * sizeof(double))
        tree = job.first_tree + class_number
        while tree < job.last_tree:
            end = end_of_chunk(forest, plan, job, tree, job.n_classes)
            for block in range((n + size - 1) // size):
                add_chunk(
                    forest, plan, scratch, &scratch.blocks[block], tree, end, job.n_classes, rows_of(block, size, n)
                )
            tree += (end - tree + job.n_classes - 1) // job.n_classes * job.n_classes
        for block in range((n + size - 1) // size):
            scores = job.scores + (start + block * size) * job.n_classes + class_number
            for i in range(rows_of(block, size, n)):
                scores[<Py_ssize_t> i * job.n_classes] = scratch.blocks[block].scores[i]


cdef inline void write_leaves(
    Forest forest, Plan plan, const Job* job, Scratch* scratch, Py_ssize_t start, Py_ssize_t n
) noexcept nogil:
    """Write the number of each row's leaf in each tree."""
    cdef int64_t tree, first = job.first_tree, end
    cdef int32_t* leaves
    cdef int block, i, size = scratch.block_rows
    while first < job.last_tree:
        end = end_of_chunk(forest, plan, job, first, 1)
        for block in range((n + size - 1) // size):
            for tree in range(first, end):
                find_leaves(forest, plan, tree, scratch, &scratch.blocks[block], rows_of(block, size, n))
                leaves = job.leaves + (start + block * size) * job.n_outputs + tree - job.first_tree
                for i in range(rows_of(block, size, n)):
                    leaves[i * job.n_outputs] = scratch.leaves[i]
        first = end


cdef inline void add_chunk(
    Forest forest, Plan plan, Scratch* scratch, Block* block, int64_t tree, int64_t end, int step, int n
) noexcept nogil:
    """Add the values of some trees of one class, in order, for one block."""
    cdef const double* values[TEAM]
    cdef int i, waiting = 0  # trees of the team, their leaves found
    cdef bint is_linear
    while tree < end:
        is_linear = forest.linear_begin[tree] < forest.linear_begin[tree + 1]
        if not is_linear and plan.trees[tree].n_exits == 0:
            select_leaves(forest, plan, &plan.trees[tree], scratch, block, scratch.results + waiting * BLOCK, n)
            values[waiting] = forest.leaf_value.data() + forest.leaf_begin[tree]
            waiting += 1
            if waiting == TEAM:
                add_leaf_values_of_four(block.scores, values, scratch.results, n)
                waiting = 0
        else:
            for i in range(waiting):
                add_leaf_values(block.scores, values[i], scratch.results + i * BLOCK, n)
            waiting = 0
            find_leaves(forest, plan, tree, scratch, block, n)
            if is_linear:
                add_linear_values(forest, plan, tree, scratch, block, n)
            else:
                add_leaf_values(
                    block.scores, forest.leaf_value.data() + forest.leaf_begin[tree], scratch.leaves, n
                )
        tree += step
    for i in range(waiting):
        add_leaf_values(block.scores, values[i], scratch.results + i * BLOCK, n)
