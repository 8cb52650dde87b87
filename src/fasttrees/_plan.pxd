"""The evaluation plan of a forest: what the batch kernels read."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._categories cimport Categories
from fasttrees._forest cimport Forest, Node
from fasttrees._ranks cimport Ranks

cdef enum:
    LANES = 64               # rows whose bytes the kernels treat together
    BLOCK = 512              # rows evaluated together; a multiple of LANES
    MAX_SELECT_LEAVES = 256  # leaves that a byte can number
    N_SLOTS = 9              # vectors in use at once while such a tree is selected, see order_for_selection

cdef enum:
    LEFT_IS_VECTOR = 1
    RIGHT_IS_VECTOR = 2
    IN_SET = 4               # a categorical split

cdef struct Select:
    # A split: out = left where the column's byte is at most rank, else right. Places are counted in LANES bytes: first
    # come the leaf numbers, each once, repeated LANES times, then the slots, each with a byte for every row of a block.
    uint32_t column          # of a categorical split: the category set
    uint16_t left
    uint16_t right
    uint16_t out
    uint8_t rank
    uint8_t shape

cdef struct RankNode:
    # A split of a tree too large for selection.
    uint32_t column         # of a categorical split: the category set
    int32_t left            # as in Node
    int32_t right
    uint8_t rank
    uint8_t in_set

cdef struct TreePlan:
    int64_t begin           # into selects or rank_nodes
    int32_t n_splits
    int32_t is_large

cdef class Plan:
    cdef Ranks ranks
    cdef Categories categories
    cdef vector[int32_t] raw_features          # read by linear leaves
    cdef vector[int32_t] term_slot             # by linear term: into raw_features
    cdef vector[TreePlan] trees
    cdef vector[Select] selects
    cdef vector[RankNode] rank_nodes

    cdef make_raw_slots(self, Forest forest)
    cdef order_trees(self, Forest forest)
    cdef place_split(self, Forest forest, const Node* node, RankNode* split, bint is_selected)
    cdef add_selects(self, const vector[RankNode]& splits, const vector[int32_t]& order)
