"""The memory of one block of rows, and its columns: all that the trees look at, made from the rows' values."""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memmove

from fasttrees._engine.categories cimport TILE, CategoricalFeature
from fasttrees._engine.kernels.selection cimport category_of, fill_column, rank_values
from fasttrees._engine.plan cimport BLOCK, LANES, MAX_SELECT_LEAVES, N_SLOTS, Plan
from fasttrees._engine.ranks cimport RankedFeature
from fasttrees._engine.rows cimport Rows, gather, round_to_zero

cdef enum:
    GROUP = 8    # features read from the rows at a time: a cache line of doubles
    STRIP = 256  # rows whose columns are made together
    TEAM = 4     # trees whose leaf values are added together
    MAX_BLOCKS = 4           # blocks that a chunk of trees is evaluated on, one after the other
    COLUMN_BYTES = 1 << 18
    RAW_BYTES = 1 << 15


cdef struct Block:
    # What the trees look at in BLOCK rows, and the rows' scores.
    uint8_t* columns       # by column
    int32_t* categories    # by categorical feature
    uint16_t* classes      # by categorical feature
    uint8_t* outcomes      # by categorical feature: of a tile of its splits, see find_outcomes
    int32_t* tiles         # by categorical feature: which tile; -1 if none yet
    double* raw            # by row: features that linear leaves read, near-zero values made zero, and 1.0
    double* scores         # by class, while rows may stop early; otherwise of one class
    int32_t* rows          # while rows may stop early: their numbers, counted from the block's first; -1 once stopped
    int width              # how many those are
    int n_left             # how many of them have not stopped


cdef struct Scratch:
    # Memory of one thread, cut from one allocation.
    Block blocks[MAX_BLOCKS]
    int n_blocks
    int block_rows         # rows of each but the last, at most BLOCK
    double* values         # GROUP features of a strip, or one of a block, as read; or two numbers for each row
    uint32_t* ranks
    int32_t* leaves
    uint8_t* set_column
    uint8_t* operands      # of the selection: leaf or exit numbers, and slots, see Select
    uint8_t* results       # of the selection, for TEAM trees


cdef inline void* cut(char** memory, size_t size) noexcept nogil:
    """The next `size` bytes of the memory, each piece aligned for vectors."""
    cdef char* piece = memory[0]
    memory[0] += (size + LANES - 1) // LANES * LANES
    return piece


cdef inline size_t lay_out(Plan plan, char* memory, Scratch* scratch, size_t n_scores) noexcept nogil:
    """Cut `memory` into the arrays of a scratch of n_blocks, with so many scores a row; the bytes they take."""
    cdef char* at = memory
    cdef size_t n_categorical = plan.categories.features.size()
    cdef Block* block
    cdef int i
    for i in range(scratch.n_blocks):
        block = &scratch.blocks[i]
        block.columns = <uint8_t*> cut(&at, plan.ranks.columns.size() * BLOCK)
        block.categories = <int32_t*> cut(&at, n_categorical * BLOCK * sizeof(int32_t))
        block.classes = <uint16_t*> cut(&at, n_categorical * BLOCK * sizeof(uint16_t))
        block.outcomes = <uint8_t*> cut(&at, n_categorical * TILE // 8 * BLOCK)
        block.tiles = <int32_t*> cut(&at, n_categorical * sizeof(int32_t))
        block.raw = <double*> cut(&at, scratch.block_rows * raw_row_bytes(plan))
        block.scores = <double*> cut(&at, n_scores * BLOCK * sizeof(double))
        block.rows = <int32_t*> cut(&at, BLOCK * sizeof(int32_t))
    scratch.values = <double*> cut(&at, max(GROUP * STRIP, 2 * BLOCK) * sizeof(double))
    scratch.ranks = <uint32_t*> cut(&at, STRIP * sizeof(uint32_t))
    scratch.leaves = <int32_t*> cut(&at, BLOCK * sizeof(int32_t))
    scratch.set_column = <uint8_t*> cut(&at, BLOCK)
    scratch.operands = <uint8_t*> cut(&at, MAX_SELECT_LEAVES * LANES + N_SLOTS * BLOCK)
    scratch.results = <uint8_t*> cut(&at, TEAM * BLOCK)
    return at - memory


cdef inline size_t raw_row_bytes(Plan plan) noexcept nogil:
    return (plan.raw_features.size() + 1) * sizeof(double) if plan.linear_chunks.size() else 0


cdef inline void choose_blocks(Plan plan, Py_ssize_t n_rows, Scratch* scratch) noexcept nogil:
    """Divide rows into blocks so that caches hold what the trees look at.

    The second level holds the columns of a few blocks beside a chunk of trees; the first level the values that linear
    leaves read.
    """
    # Of a categorical feature its categories, classes and outcomes.
    cdef Py_ssize_t row_bytes = plan.ranks.columns.size() + 14 * plan.categories.features.size() + 1
    cdef Py_ssize_t rows = BLOCK
    if plan.linear_chunks.size():
        rows = min(rows, <Py_ssize_t> (RAW_BYTES // raw_row_bytes(plan)))
    rows = max(rows // LANES, <Py_ssize_t> 1) * LANES
    scratch.block_rows = rows
    scratch.n_blocks = max(1, min(MAX_BLOCKS, COLUMN_BYTES // (row_bytes * rows), (n_rows + rows - 1) // rows))


cdef inline void make_columns(
    Plan plan, const Rows* rows, Scratch* scratch, Block* block, Py_ssize_t start, int n
) noexcept nogil:
    """Read the block's values and make from them all that the trees look at."""
    cdef int first = 0
    cdef size_t slot
    while first < n:
        make_strip(plan, rows, scratch, block.columns + first, start + first, min(n - first, <int> STRIP))
        first += STRIP
    for slot in range(plan.categories.features.size()):
        make_categories(plan, rows, scratch.values, block, start, n, slot)
    if plan.linear_chunks.size():
        copy_raw(plan, rows, scratch.values, block.raw, start, n)


cdef inline void make_strip(
    Plan plan, const Rows* rows, Scratch* scratch, uint8_t* columns, Py_ssize_t start, int n
) noexcept nogil:
    """Make the columns of a strip of rows, a few features at a time: the first-level cache holds their values."""
    cdef int32_t group[GROUP]
    cdef const RankedFeature* ranked = plan.ranks.features.data()
    cdef const RankedFeature* last = ranked + plan.ranks.features.size()
    cdef int i, count
    cdef uint32_t column
    while ranked < last:
        count = <int> min(last - ranked, <Py_ssize_t> GROUP)
        for i in range(GROUP):
            group[i] = ranked[min(i, count - 1)].feature
        gather(rows, start, n, group, GROUP, scratch.values, STRIP)
        for i in range(count):
            rank_values(
                scratch.values + i * STRIP, ranked, plan.ranks.thresholds.data() + ranked.threshold_begin,
                plan.ranks.buckets.data() + ranked.bucket_begin, scratch.ranks, n,
            )
            for column in range(ranked.column_begin, ranked.column_end):
                fill_column(&plan.ranks.columns[column], scratch.ranks, columns + <size_t> column * BLOCK, n)
            ranked += 1


cdef inline void copy_raw(
    Plan plan, const Rows* rows, double* values, double* raw, Py_ssize_t start, int n
) noexcept nogil:
    """Copy what linear leaves read, row by row."""
    cdef size_t slot, n_slots = plan.raw_features.size(), width = n_slots + 1
    cdef int i
    for slot in range(n_slots):
        gather(rows, start, n, &plan.raw_features[slot], 1, values, BLOCK)
        for i in range(n):
            raw[i * width + slot] = values[i] if rows.keeps_near_zero else round_to_zero(values[i])
    for i in range(n):
        raw[i * width + n_slots] = 1.0


cdef inline void make_categories(
    Plan plan, const Rows* rows, double* values, Block* block, Py_ssize_t start, int n, size_t slot
) noexcept nogil:
    """Read a categorical feature of the block: its categories and, if it has classes, those."""
    cdef const CategoricalFeature* feature = &plan.categories.features[slot]
    cdef const uint16_t* category_classes = plan.categories.category_classes.data() + feature.category_begin
    cdef int32_t* categories = block.categories + slot * BLOCK
    cdef uint16_t* classes = block.classes + slot * BLOCK
    cdef int i
    gather(rows, start, n, &feature.feature, 1, values, BLOCK)
    for i in range(n):
        categories[i] = category_of(values[i])
    block.tiles[slot] = -1
    if feature.n_tiles:
        for i in range(n):
            classes[i] = category_classes[categories[i]] if <uint32_t> categories[i] < feature.n_categories else 0
        for i in range(n, (n + LANES - 1) // LANES * LANES):  # rows that pad the block are looked up too
            classes[i] = 0


cdef inline void keep_rows(Plan plan, Block* block, size_t n_scores) noexcept nogil:
    """Close the gaps that rows left which stopped early."""
    cdef int32_t places[BLOCK]
    cdef size_t raw_width = plan.raw_features.size() + 1
    cdef size_t i
    cdef int32_t place, n = 0
    for place in range(block.width):
        places[n] = place
        n += block.rows[place] >= 0
    for i in range(plan.ranks.columns.size()):
        keep_items(block.columns + i * BLOCK, places, n)
    for i in range(plan.categories.features.size()):
        keep_items(block.categories + i * BLOCK, places, n)
        keep_items(block.classes + i * BLOCK, places, n)
        block.tiles[i] = -1
    if plan.linear_chunks.size():
        for place in range(n):
            memmove(block.raw + place * raw_width, block.raw + places[place] * raw_width, raw_width * sizeof(double))
    for i in range(n_scores):
        keep_items(block.scores + i * BLOCK, places, n)
    keep_items(block.rows, places, n)
    block.width = n


ctypedef fused BlockItem:
    uint8_t
    uint16_t
    int32_t
    double


cdef inline void keep_items(BlockItem* items, const int32_t* places, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        items[i] = items[places[i]]
