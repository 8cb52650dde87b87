"""The evaluation plan of a forest: what the batch kernels read."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array, ArrayOwner, NamedArray
from fasttrees._engine.categories cimport Categories
from fasttrees._engine.forest cimport Forest, Node
from fasttrees._engine.ranks cimport Ranks

cdef enum:
    LANES = 64               # rows whose bytes the kernels treat together
    BLOCK = 1024             # rows evaluated together; a multiple of LANES
    MAX_SELECT_LEAVES = 256  # results of a selection: what a byte can number
    N_SLOTS = 9              # vectors in use at once while so many are selected from, see order_for_selection

cdef enum:
    LEFT_IS_VECTOR = 1
    RIGHT_IS_VECTOR = 2
    IN_SET = 4               # a categorical split

cdef struct Select:
    # A selected split: out = left where the column's byte is at most rank, else right. Places are counted in LANES
    # bytes: first come the numbers of leaves or exits, each once, repeated LANES times, then the slots, each with a
    # byte for every row of a block.
    uint32_t column          # of a categorical split: the category set
    uint16_t left
    uint16_t right
    uint16_t out
    uint8_t rank
    uint8_t shape

cdef struct RankNode:
    # A split that rows walk through, below those that are selected.
    uint32_t column         # of a categorical split: the category set
    int32_t left            # a rank node of the same tree, or ~leaf
    int32_t right
    uint8_t rank
    uint8_t in_set
    uint16_t padding        # named, so that it is written to files as zero

cdef struct TreePlan:
    int64_t select_begin    # into selects
    int64_t exit_begin      # into exits
    int64_t node_begin      # into rank_nodes
    int32_t n_selects
    int32_t n_exits         # 0 if all splits are selected: selection then finds leaf numbers

cdef enum:
    CHUNK_TERMS = 4

cdef struct LinearChunk:
    # Some terms of a linear leaf, in order; those that it lacks add -0.0, which changes no number.
    double coefficients[CHUNK_TERMS]
    int32_t slots[CHUNK_TERMS]  # into raw_features; one beyond them stands for 1.0

cdef class Plan(ArrayOwner):
    cdef Ranks ranks
    cdef Categories categories
    cdef Array[int32_t] raw_features           # read by linear leaves
    cdef Array[LinearChunk] linear_chunks
    cdef Array[int32_t] chunk_begin            # by linear leaf: into linear_chunks, at least one; one more entry
    cdef Array[TreePlan] trees
    cdef Array[Select] selects
    cdef Array[int32_t] exits                  # where a row goes on that selection gave this number: as RankNode.left
    cdef Array[RankNode] rank_nodes

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef make_linear_chunks(self, Forest forest)
    cdef order_trees(self, Forest forest)
    cdef add_tree(self, Forest forest, Py_ssize_t tree)
    cdef int32_t add_walked(self, Forest forest, const Node* nodes, int32_t root, int64_t begin) except? -1
    cdef place_split(self, Forest forest, const Node* node, RankNode* split, bint is_selected)
    cdef add_selects(self, const vector[RankNode]& splits, const vector[int32_t]& order)
