"""Score rows in blocks, by rank and selection; see docs/internals/how-it-works.md.

Runs without the GIL and never fails but for memory; trusts what Forest, Plan and RowBuffer proved.
"""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport NAN, fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fasttrees._engine.kernels.scratch cimport TEAM, Block, Scratch, choose_blocks, keep_rows, lay_out, make_columns
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.kernels.selection cimport add_leaf_values, add_leaf_values_of_four
from fasttrees._engine.kernels.linear cimport add_linear_values
from fasttrees._engine.objective cimport Objective
from fasttrees._engine.plan cimport BLOCK, LANES, MAX_SELECT_LEAVES, Plan, RankNode, Select
from fasttrees._engine.kernels.trees cimport find_leaves, select_leaves
from fasttrees._engine.kernels.walk cimport Job, finish_scores, first_votes, further_vote


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
    cdef size_t n_scores = job.n_classes if job.test_trees else 1
    choose_blocks(plan, stop - start, &scratch)
    memory = <char*> PyMem_RawMalloc(lay_out(plan, NULL, &scratch, n_scores) + LANES)
    if memory == NULL:
        return False
    lay_out(plan, memory + LANES - <size_t> memory % LANES, &scratch, n_scores)
    for i in range(MAX_SELECT_LEAVES):
        memset(scratch.operands + i * LANES, i, LANES)
    while start < stop:
        size = scratch.block_rows
        n = min(stop - start, <Py_ssize_t> scratch.n_blocks * size)
        for i in range((n + size - 1) // size):
            make_columns(plan, &job.rows, &scratch, &scratch.blocks[i], start + i * size, rows_of(i, size, n))
        if job.leaves != NULL:
            write_leaves(forest, plan, job, &scratch, start, n)
        else:
            if job.test_trees:
                add_trees_until_decided(forest, plan, job, &scratch, start, n)
            else:
                add_trees(forest, plan, job, &scratch, start, n)
            finish_scores(objective, job, start, n)
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
                    forest, plan, scratch, &scratch.blocks[block], scratch.blocks[block].scores, tree, end,
                    job.n_classes, rows_of(block, size, n),
                )
            tree += (end - tree + job.n_classes - 1) // job.n_classes * job.n_classes
        for block in range((n + size - 1) // size):
            scores = job.scores + (start + block * size) * job.n_classes + class_number
            for i in range(rows_of(block, size, n)):
                scores[<Py_ssize_t> i * job.n_classes] = scratch.blocks[block].scores[i]


cdef inline void add_trees_until_decided(
    Forest forest, Plan plan, const Job* job, Scratch* scratch, Py_ssize_t start, Py_ssize_t n
) noexcept nogil:
    """Add the values of each row's leaves to the row's scores, until the row stops early."""
    cdef int64_t first = job.first_tree, last
    cdef int class_number, number, i, size = scratch.block_rows
    cdef Block* block
    for number in range((n + size - 1) // size):
        block = &scratch.blocks[number]
        block.width = block.n_left = rows_of(number, size, n)
        memset(block.scores, 0, job.n_classes * BLOCK * sizeof(double))
        for i in range(block.width):
            block.rows[i] = i
    while first < job.last_tree:
        last = min(job.last_tree, first + job.test_trees)
        for number in range((n + size - 1) // size):
            block = &scratch.blocks[number]
            if block.n_left == 0:
                continue
            for class_number in range(job.n_classes):
                add_chunk(
                    forest, plan, scratch, block, block.scores + class_number * BLOCK, first + class_number, last,
                    job.n_classes, block.width,
                )
            stop_rows(plan, job, scratch, block, start + number * size, last == job.last_tree)
        first = last


cdef inline void stop_rows(
    Plan plan, const Job* job, Scratch* scratch, Block* block, Py_ssize_t start, bint all_rows
) noexcept nogil:
    """Write the scores of rows that stop; move the others together when a quarter of the work would be for nothing."""
    cdef double* margins = scratch.values
    cdef int32_t* places = scratch.leaves
    cdef int32_t place
    cdef double margin = job.margin
    cdef double* scores
    cdef int class_number, i, n = 0
    if not all_rows:
        find_margins(job, block.scores, margins, margins + BLOCK, block.width)
        for i in range(block.width):
            n += margins[i] > margin
        if n == 0:
            return
        n = 0
    for i in range(block.width):
        places[n] = i
        n += block.rows[i] >= 0 if all_rows else margins[i] > margin
    for i in range(n):
        place = places[i]
        scores = job.scores + (start + block.rows[place]) * job.n_classes
        for class_number in range(job.n_classes):
            scores[class_number] = block.scores[class_number * BLOCK + place]
            block.scores[class_number * BLOCK + place] = NAN  # decided by nothing any more, whatever is added
        block.rows[place] = -1
    block.n_left -= n
    if block.n_left and (block.n_left + LANES - 1) // LANES <= (block.width + LANES - 1) // LANES * 3 // 4:
        keep_rows(plan, block, job.n_classes)


cdef inline void find_margins(
    const Job* job, const double* scores, double* margins, double* seconds, int n
) noexcept nogil:
    """By how much the scores of each row are decided, see is_decided."""
    cdef int class_number, i
    if job.n_classes == 1:
        for i in range(n):
            margins[i] = 2.0 * fabs(scores[i])
        return
    for i in range(n):
        first_votes(scores[i], scores[BLOCK + i], margins + i, seconds + i)
    for class_number in range(2, job.n_classes):
        for i in range(n):
            further_vote(scores[class_number * BLOCK + i], margins + i, seconds + i)
    for i in range(n):
        margins[i] -= seconds[i]


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
    Forest forest, Plan plan, Scratch* scratch, Block* block, double* scores, int64_t tree, int64_t end, int step, int n
) noexcept nogil:
    """Add the values of some trees of one class, in order, to the class's scores of one block."""
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
                add_leaf_values_of_four(scores, values, scratch.results, n)
                waiting = 0
        else:
            for i in range(waiting):
                add_leaf_values(scores, values[i], scratch.results + i * BLOCK, n)
            waiting = 0
            find_leaves(forest, plan, tree, scratch, block, n)
            if is_linear:
                add_linear_values(forest, plan, tree, scratch, block, scores, n)
            else:
                add_leaf_values(
                    scores, forest.leaf_value.data() + forest.leaf_begin[tree], scratch.leaves, n
                )
        tree += step
    for i in range(waiting):
        add_leaf_values(scores, values[i], scratch.results + i * BLOCK, n)
