"""The numbers of one tree block of a model file."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array
from fasttrees._modelfile.cursor cimport Cursor
from fasttrees._engine.forest cimport Forest

# How the value of a tree's key is read.
cdef enum:
    INTEGERS
    WORDS
    DOUBLES
    COUNTS  # integers, or any numbers of which the digits in front count, as LightGBM reads integers
    UNUSED  # numbers that predictions do not depend on: counted, not converted

# What the length of a list is.
cdef enum:
    ONE
    LEAVES
    SPLITS
    BOUNDARIES
    CATEGORY_WORDS
    LINEAR_TERMS
    N_MEASURES

# The keys of a tree, in the order in which LightGBM writes them.
cdef enum:
    NUM_LEAVES
    NUM_CAT
    SPLIT_FEATURE
    SPLIT_GAIN
    THRESHOLD
    DECISION_TYPE
    LEFT_CHILD
    RIGHT_CHILD
    LEAF_VALUE
    LEAF_WEIGHT
    LEAF_COUNT
    INTERNAL_VALUE
    INTERNAL_WEIGHT
    INTERNAL_COUNT
    CAT_BOUNDARIES
    CAT_THRESHOLD
    IS_LINEAR
    LEAF_CONST
    NUM_FEATURES
    LEAF_FEATURES
    LEAF_COEFF
    SHRINKAGE
    N_KEYS

cdef struct TreeKey:
    const char* name
    size_t size
    int kind
    int measure
    bint required  # of a tree with splits

cdef class TreeBlock:
    cdef Py_ssize_t number
    # By key; a key has its numbers in the list of its kind.
    cdef vector[int32_t] integers[N_KEYS]
    cdef vector[uint32_t] words
    cdef vector[int64_t] counts[N_KEYS]
    cdef vector[double] doubles[N_KEYS]
    cdef int64_t lengths[N_KEYS]  # -1: the block has no such key
    cdef size_t lines[N_KEYS]

    cdef void clear(self, Py_ssize_t number) noexcept nogil
    cdef error(self, int slot, str expected, str got)
    cdef unknown_line(self, Cursor cursor)
    cdef unknown_word(self, Cursor cursor, int slot, int64_t place)
    cdef flaw_error(self, tuple flaw)
    cdef int take_key(self, Cursor cursor, int guess) except -1 nogil
    cdef int read_list(self, Cursor cursor, int slot) except -1 nogil
    cdef int read_block(self, Cursor cursor) except -1 nogil
    cdef int64_t single(self, int slot, int64_t default, int64_t low, int64_t high) except? -1 nogil
    cdef int check_lengths(self, int64_t n_leaves, int64_t n_sets) except -1 nogil
    cdef int add_to(self, Forest forest) except -1 nogil
    cdef int add_category_sets(self, Forest forest, int64_t n_sets) except -1 nogil
    cdef int add_counts(self, int slot, Array[int32_t]& counts, size_t n) except -1 nogil
    cdef int add_nodes(self, Forest forest, int64_t n_nodes, int64_t n_sets) except -1 nogil
    cdef int add_linear_leaves(self, Forest forest, int64_t n_leaves) except -1 nogil
