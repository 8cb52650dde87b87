"""The walking plan of a forest: what the kernels for few rows read."""
from libc.stdint cimport int64_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array, ArrayOwner, NamedArray
from fasttrees._engine.categories cimport Categories
from fasttrees._engine.forest cimport Forest
from fasttrees._engine.ranks cimport Ranks

cdef enum:
    # What a Step can number.
    MAX_COLUMNS = 1 << 24
    MAX_STEPS = 0xFFFFFFFF
    LEAF_RANK = 255  # above that of any split

cdef struct Step:
    # A split, or a leaf. A walk goes on to `next` if the column's byte is at most rank, else to the step behind that.
    # A leaf leads to itself, whatever the column holds; the column's number is the leaf's.
    uint32_t next
    uint32_t test           # column << 8 | rank

cdef class RowPlan(ArrayOwner):
    cdef Ranks ranks
    cdef Categories categories
    cdef Array[Step] steps
    cdef Array[uint32_t] roots           # by tree: its first step
    cdef Array[uint32_t] outcome_begin   # by categorical feature: the column of its first split; one more entry
    cdef vector[uint32_t] set_of         # by split: its category set; only while the plan is made
    cdef Py_ssize_t n_columns            # bytes for a row, as many as the largest tree has leaves at least
    cdef bint fits                       # whether a Step can number all columns and steps; there are none otherwise

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef measure(self, Forest forest)
    cdef sets_of_splits(self, Forest forest)
    cdef place_outcomes(self)
    cdef add_tree(self, Forest forest, Py_ssize_t tree)
    cdef uint32_t test_of(self, Forest forest, int64_t node) noexcept
