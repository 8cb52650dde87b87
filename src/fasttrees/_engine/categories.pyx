"""Prepares the categorical splits of a forest.

Categories of a feature that no split tells apart are one class, and a class has its outcomes in all splits of the
feature ready, a bit for each. The kernels look up the classes of a block of rows once, and get from their bits the
outcomes of 64 splits at a time.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport ArrayOwner, NamedArray
from fasttrees._engine.forest cimport Forest, Node

cdef enum:
    # A feature beyond these has no classes: its splits look into their own sets.
    MAX_CATEGORIES = 1 << 16
    MAX_BITS = 1 << 26  # bytes
    NOT_SELECTED = 0xFFFFFFFF


cdef class Categories(ArrayOwner):
    """Sets and classes for all categorical splits of a forest; a plan adds the sets, then makes the classes."""

    def __init__(self, Forest forest not None, sections=None, str prefix=""):
        if sections is not None:
            self.borrow(sections, prefix)
            return
        self.slot_of.resize(forest.n_features, -1)

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        arrays.push_back(NamedArray("features", &self.features))
        arrays.push_back(NamedArray("sets", &self.sets))
        arrays.push_back(NamedArray("category_classes", &self.category_classes))
        arrays.push_back(NamedArray("class_bits", &self.class_bits))
        arrays.push_back(NamedArray("mask_bytes", &self.mask_bytes))

    cdef uint32_t add_set(self, Forest forest, const Node* node, bint is_selected) except? 0:
        """Append the category set of a split, in the order of evaluation; the number of the set."""
        cdef int64_t number = <int64_t> node.threshold
        cdef int64_t begin = forest.set_begin[number]
        cdef uint32_t n_words = forest.set_begin[number + 1] - begin
        cdef int32_t slot = self.slot_of[node.feature]
        cdef CategoricalFeature* feature
        if slot < 0:
            slot = self.slot_of[node.feature] = self.features.size()
            self.features.push_back(CategoricalFeature(node.feature, 0, 0, 0, 0, 0))
            self.selected.resize(slot + 1)
        self.sets.push_back(
            CategorySet(slot, self.selected[slot].size() if is_selected else NOT_SELECTED, n_words, 0, begin)
        )
        if is_selected:
            feature = &self.features[slot]
            feature.n_categories = max(feature.n_categories, min(n_words, <uint32_t> MAX_CATEGORIES) * 32)
            self.selected[slot].push_back(self.sets.size() - 1)
        return self.sets.size() - 1

    cdef make_classes(self, Forest forest):
        """Find the outcomes of each category in the selected splits on its feature, and group equal ones."""
        cdef vector[uint64_t] bits  # by category, then by split
        cdef CategoricalFeature* feature
        cdef const CategorySet* category_set
        cdef uint32_t slot, number, word, bit, i
        cdef size_t n_tiles
        for slot in range(self.features.size()):
            feature = &self.features[slot]
            n_tiles = (self.selected[slot].size() + TILE - 1) // TILE
            if feature.n_categories >= MAX_CATEGORIES or feature.n_categories * n_tiles * sizeof(uint64_t) > MAX_BITS:
                continue
            bits.assign(feature.n_categories * n_tiles, 0)
            for i in range(self.selected[slot].size()):
                number = self.selected[slot][i]
                category_set = &self.sets[number]
                for word in range(category_set.n_words):
                    for bit in range(32):
                        if forest.set_words[category_set.word_begin + word] >> bit & 1:
                            bits[(word * 32 + bit) * n_tiles + i // TILE] |= <uint64_t> 1 << i % TILE
            feature.n_tiles = n_tiles
            self.group_categories(feature, bits)
        if self.features.size():
            for i in range(256):
                for bit in range(8):
                    self.mask_bytes.push_back(not i >> bit & 1)
        self.shrink()
        vector[int32_t]().swap(self.slot_of)
        vector[vector[uint32_t]]().swap(self.selected)

    cdef group_categories(self, CategoricalFeature* feature, const vector[uint64_t]& bits):
        """Assign categories with the same outcomes to the same class."""
        cdef const uint64_t* row = bits.data()
        cdef Py_ssize_t n_bytes = feature.n_tiles * sizeof(uint64_t)
        cdef vector[const uint64_t*] rows  # by class; NULL for class 0
        cdef uint32_t category, number, tile
        feature.category_begin = self.category_classes.size()
        feature.bits_begin = self.class_bits.size()
        rows.push_back(NULL)
        classes = {bytes(n_bytes): 0}
        for category in range(feature.n_categories):
            number = classes.setdefault((<const char*> row)[:n_bytes], rows.size())
            if number == rows.size():
                rows.push_back(row)
            self.category_classes.push_back(number)
            row += feature.n_tiles
        feature.n_classes = rows.size()
        for tile in range(feature.n_tiles):
            for number in range(feature.n_classes):
                self.class_bits.push_back(rows[number][tile] if rows[number] != NULL else 0)
