"""The flat arrays of a forest, shared by the reader that fills them and the kernels that read them."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array, ArrayOwner, NamedArray

cdef enum:
    # The bits of LightGBM's decision_type.
    CATEGORICAL = 1
    DEFAULT_LEFT = 2
    MISSING_ZERO = 4
    MISSING_NAN = 8
    MISSING_TYPE = 12

cdef struct Node:
    double threshold  # of a categorical split: the number of its category set in the whole forest
    int32_t feature
    int32_t left      # a node of the same tree, or ~leaf
    int32_t right
    uint8_t decision
    uint8_t padding   # named, so that it is copied and pickles of equal forests are equal
    uint16_t weight   # how often training came here: the upper half of a float, see weight_of; 0 if unknown

# What can be wrong with a tree.
cdef enum:
    SOUND
    WRONG_LEAVES
    WRONG_CHILD
    REPEATED_CHILD
    WRONG_FEATURE
    WRONG_DECISION
    WRONG_SET
    LOOSE_NODES

cdef struct Flaw:
    int kind
    int side     # of a child: 1 if it is the right one
    int64_t got  # of a category set: the node

cdef class Forest(ArrayOwner):
    cdef readonly int n_features
    cdef readonly int n_classes               # trees per iteration
    cdef Array[int64_t] node_begin            # by tree: first node; one more entry than trees
    cdef Array[Node] nodes
    cdef Array[int64_t] leaf_begin            # by tree: first leaf; one more entry than trees
    cdef Array[double] leaf_value
    cdef Array[int32_t] leaf_count            # by leaf, and by node: rows of training that came there, 0 if unknown;
    cdef Array[int32_t] node_count            # only contributions depend on them
    cdef Array[int64_t] set_begin             # by category set: first word; one more entry than sets
    cdef Array[uint32_t] set_words            # 32 categories a word, lowest bit first
    cdef Array[int64_t] linear_begin          # by tree: first linear leaf (none if the tree is not linear); one more
    cdef Array[double] linear_constant        # by linear leaf
    cdef Array[int64_t] term_begin            # by linear leaf: first term; one more entry than linear leaves
    cdef Array[int32_t] term_feature
    cdef Array[double] term_coefficient

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef Py_ssize_t tree_count(self) noexcept nogil
    cdef reserve(self, size_t n_leaves)
    cdef append_all(self, list others)
    cdef append(self, Forest other)
    cdef int find_flaw(self, Py_ssize_t tree, Flaw* flaw) except -1 nogil
    cdef describe_flaw(self, Py_ssize_t tree)
    cpdef borrow_from(self, sections)
    cpdef check_all(self)


cdef inline uint16_t weight_of(float count) noexcept nogil:
    """The upper 16 bits of a float: enough to tell often from seldom, and in order like the floats themselves."""
    cdef uint32_t bits
    memcpy(&bits, &count, sizeof(bits))
    return bits >> 16


cdef inline float count_of_weight(uint16_t weight) noexcept nogil:
    cdef uint32_t bits = <uint32_t> weight << 16
    cdef float count
    memcpy(&count, &bits, sizeof(count))
    return count
