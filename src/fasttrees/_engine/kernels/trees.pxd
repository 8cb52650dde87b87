"""Find the leaves of a block of rows in one tree: select the splits that many rows reach, walk the others."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from fasttrees._engine.categories cimport TILE, CategoricalFeature, CategorySet
from fasttrees._engine.kernels.scratch cimport Block, Scratch
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.kernels.selection cimport fill_set_column, find_outcomes, is_in_set, select_by_shape
from fasttrees._engine.plan cimport BLOCK, IN_SET, LANES, Plan, RankNode, Select, TreePlan
from fasttrees._engine.rows cimport prefetch


cdef inline void find_leaves(
    Forest forest, Plan plan, int64_t tree, Scratch* scratch, Block* block, int n
) noexcept nogil:
    """Leaf numbers of a block in any tree, as integers."""
    cdef int i
    select_leaves(forest, plan, &plan.trees[tree], scratch, block, scratch.results, n)
    if plan.trees[tree].n_exits:
        walk_exits(forest, plan, &plan.trees[tree], scratch, block, n)
        return
    for i in range(n):
        scratch.leaves[i] = scratch.results[i]


cdef inline void select_leaves(
    Forest forest, Plan plan, const TreePlan* tree, Scratch* scratch, Block* block, uint8_t* result, int n
) noexcept nogil:
    """Leaf or exit numbers of a block, as bytes, split by split from the leaves up to the root."""
    cdef const Select* split = plan.selects.data() + tree.select_begin
    cdef const uint8_t* left
    cdef const uint8_t* right
    cdef uint8_t* out
    cdef uint8_t* operands = scratch.operands
    cdef int i
    if tree.n_selects == 0:
        memset(result, 0, BLOCK)
    for i in range(tree.n_selects):
        left, right = operands + split.left * LANES, operands + split.right * LANES
        out = result if i + 1 == tree.n_selects else operands + split.out * LANES
        if split.shape & IN_SET:
            select_in_set(forest, plan, split, scratch, block, left, right, out, n)
        else:
            select_by_shape(
                split.shape, block.columns + <size_t> split.column * BLOCK, 0xFF, split.rank, left, right, out, n
            )
        split += 1


cdef inline void select_in_set(
    Forest forest, Plan plan, const Select* split, Scratch* scratch, Block* block, const uint8_t* left,
    const uint8_t* right, uint8_t* out, int n,
) noexcept nogil:
    """Select for a categorical split; the outcomes of all splits of its tile are found with the first of them."""
    cdef const CategorySet* category_set = &plan.categories.sets[split.column]
    cdef const CategoricalFeature* feature = &plan.categories.features[category_set.slot]
    cdef uint8_t* outcomes = block.outcomes + <size_t> category_set.slot * (TILE // 8 * BLOCK)
    cdef int32_t tile = category_set.split // TILE
    if feature.n_tiles == 0:
        fill_set_column(
            block.categories + <size_t> category_set.slot * BLOCK, forest.set_words.data() + category_set.word_begin,
            category_set.n_words, scratch.set_column, n,
        )
        select_by_shape(split.shape, scratch.set_column, 0xFF, 0, left, right, out, n)
        return
    if block.tiles[category_set.slot] != tile:
        block.tiles[category_set.slot] = tile
        find_outcomes(
            block.classes + <size_t> category_set.slot * BLOCK,
            plan.categories.class_bits.data() + feature.bits_begin + tile * <size_t> feature.n_classes, outcomes, n,
        )
    outcomes += category_set.split % TILE // 8 * BLOCK
    select_by_shape(split.shape, outcomes, 1 << category_set.split % 8, 0, left, right, out, n)


cdef inline void walk_exits(
    Forest forest, Plan plan, const TreePlan* tree, Scratch* scratch, const Block* block, int n
) noexcept nogil:
    """Leaf numbers of a block from the exits that selection found: rows that are not at a leaf yet walk on.

    All of them take a step, those at a leaf drop out, and so on: steps of different rows do not wait for each other.
    """
    cdef const int32_t* exits = plan.exits.data() + tree.exit_begin
    cdef const RankNode* nodes = plan.rank_nodes.data() + tree.node_begin
    cdef const RankNode* node
    cdef const uint8_t* columns = block.columns
    cdef uint16_t walking[BLOCK]
    cdef int32_t* places = scratch.leaves
    cdef int32_t place, left
    cdef int i, j, n_walking = 0, n_left
    for i in range(n):
        place = exits[scratch.results[i]]
        places[i] = place
        prefetch(nodes + place)
        walking[n_walking] = i
        n_walking += place >= 0
    while n_walking:
        n_left = 0
        for j in range(n_walking):
            i = walking[j]
            node = nodes + places[i]
            if node.in_set:
                left = is_in_forest_set(forest, plan, block, node.column, i)
            else:
                left = columns[<size_t> node.column * BLOCK + i] <= node.rank
            place = node.right ^ ((node.left ^ node.right) & -left)  # no branch: it would be guessed wrong too often
            places[i] = place
            prefetch(nodes + place)
            walking[n_left] = i
            n_left += place >= 0
        n_walking = n_left
    for i in range(n):
        places[i] = ~places[i]


cdef inline bint is_in_forest_set(
    Forest forest, Plan plan, const Block* block, uint32_t number, int row
) noexcept nogil:
    cdef const CategorySet* category_set = &plan.categories.sets[number]
    return is_in_set(
        block.categories[<size_t> category_set.slot * BLOCK + row],
        forest.set_words.data() + category_set.word_begin, category_set.n_words,
    )
