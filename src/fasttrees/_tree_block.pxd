"""The numbers of one tree block of a model file."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._cursor cimport Cursor
from fasttrees._forest cimport Forest

# How the value of a tree's key is read.
cdef enum:
    INTEGERS
    WORDS
    DOUBLES
    COUNTS  # numbers that guide the evaluation plan: no prediction depends on them, so any number will do
    UNUSED  # numbers that predictions do not depend on: counted, not converted

# Where the numbers of a key are kept: one list for each key that is read.
cdef enum:
    NUM_LEAVES
    NUM_CAT
    IS_LINEAR
    SPLIT_FEATURE
    DECISION_TYPE
    LEFT_CHILD
    RIGHT_CHILD
    CAT_BOUNDARIES
    NUM_FEATURES
    LEAF_FEATURES
    CAT_THRESHOLD
    THRESHOLD
    LEAF_VALUE
    LEAF_CONST
    LEAF_COEFF
    SPLIT_GAIN
    LEAF_WEIGHT
    LEAF_COUNT
    INTERNAL_VALUE
    INTERNAL_WEIGHT
    INTERNAL_COUNT
    SHRINKAGE
    N_KEYS
    FIRST_DOUBLES = THRESHOLD
    N_INTEGER_LISTS = CAT_THRESHOLD
    N_DOUBLE_LISTS = SPLIT_GAIN - THRESHOLD

cdef class TreeBlock:
    cdef Py_ssize_t number
    cdef vector[int32_t] integers[N_INTEGER_LISTS]
    cdef vector[uint32_t] words
    cdef vector[float] counts
    cdef vector[double] doubles[N_DOUBLE_LISTS]
    cdef int64_t lengths[N_KEYS]  # -1: the block has no such key
    cdef size_t lines[N_KEYS]

    cdef void clear(self, Py_ssize_t number) noexcept
    cdef vector[double]* double_list(self, int slot) noexcept
    cdef error(self, int slot, str expected, str got)
    cdef read_list(self, Cursor cursor, int slot, int kind)
    cdef read_block(self, Cursor cursor)
    cdef int64_t single(self, int slot, int64_t default, int64_t low, int64_t high) except? -1
    cdef check_lengths(self, int64_t n_leaves, int64_t n_sets)
    cdef add_to(self, Forest forest)
    cdef add_category_sets(self, Forest forest, int64_t n_sets)
    cdef add_nodes(self, Forest forest, int64_t n_nodes, int64_t n_sets)
    cdef add_linear_leaves(self, Forest forest, int64_t n_leaves)
