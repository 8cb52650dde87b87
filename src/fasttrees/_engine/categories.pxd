"""The categorical features of a forest, their categories grouped into classes."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array, ArrayOwner, NamedArray
from fasttrees._engine.forest cimport Forest, Node

cdef enum:
    TILE = 64                # splits of a feature whose outcomes are found together

cdef struct CategoricalFeature:
    # A feature with categorical splits. Categories that no split tells apart are one class; class 0 is in no set.
    int32_t feature
    uint32_t n_categories    # below which a category has its class in category_classes
    int64_t category_begin   # into category_classes
    int64_t bits_begin       # into class_bits: by tile and class, a bit for each split of the tile, 1 if it goes left
    uint32_t n_tiles         # 0 if the feature has no classes but only sets
    uint32_t n_classes

cdef struct CategorySet:
    # The set of a split.
    uint32_t slot            # into features
    uint32_t split           # number among the feature's splits, in the order in which the plan adds them
    uint32_t n_words
    uint32_t padding         # named, so that it is written to files as zero
    int64_t word_begin       # into the forest's set_words

cdef class Categories(ArrayOwner):
    cdef Array[CategoricalFeature] features
    cdef Array[CategorySet] sets               # by split
    cdef Array[uint16_t] category_classes
    cdef Array[uint64_t] class_bits
    cdef Array[uint8_t] mask_bytes             # for each byte of outcomes its eight bits as bytes: left 0, right 1
    cdef vector[int32_t] slot_of               # by feature; only while a plan is made
    cdef vector[vector[uint32_t]] selected     # by slot: sets of selected splits; only while a plan is made

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef uint32_t add_set(self, Forest forest, const Node* node, bint is_selected) except? 0
    cdef make_classes(self, Forest forest)
    cdef group_categories(self, CategoricalFeature* feature, const vector[uint64_t]& bits)
