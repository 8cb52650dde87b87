"""The numerical features of a forest, their thresholds replaced by ranks in columns of bytes."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport Array, ArrayOwner, NamedArray
from fasttrees._engine.forest cimport Forest, Node

cdef enum:
    MAX_RANK = 255           # thresholds that one byte column tells apart

cdef struct RankedFeature:
    # A feature with numerical splits: its sorted thresholds, a table to search them, and the columns of its ranks.
    int32_t feature
    int32_t steps            # of the binary search within a bucket
    int64_t threshold_begin  # followed by 2**steps - 1 infinities
    int64_t bucket_begin     # into buckets
    double low               # bucket of a value: (value - low) * scale, cut to 0 to last_bucket
    double scale
    double last_bucket
    uint32_t column_begin
    uint32_t column_end
    int32_t marks_zeros      # whether a column treats zeros as missing
    int32_t padding          # named, so that it is written to files as zero

cdef struct Column:
    # Ranks of a feature as bytes, for the splits that treat missing values alike and share 255 thresholds.
    uint32_t first_rank      # the rank that becomes 0
    uint32_t nan_rank        # the rank of a NaN
    uint32_t zero_rank       # the rank of a value near zero

cdef struct Place:
    # Where a split's threshold stands.
    uint32_t column
    uint8_t rank             # left if the column's byte is at most this

cdef struct Ranking:
    # Where the thresholds of a feature stand.
    int64_t begin
    int64_t end
    int64_t first_chunk      # into column_of

cdef bint distinguishes_near_zero(Forest forest) noexcept

cdef class Ranks(ArrayOwner):
    cdef bint keeps_near_zero
    cdef int32_t n_features
    cdef Array[RankedFeature] features
    cdef Array[double] thresholds
    cdef Array[uint32_t] buckets               # by feature and bucket: thresholds in the buckets before
    cdef Array[Column] columns
    cdef const Node* first_node                # of the forest; only while a plan is made, like all below
    cdef vector[uint32_t] node_ranks           # by numerical split: the place of its threshold
    cdef vector[Ranking] rankings              # by group
    cdef vector[uint32_t] column_of            # by group, missing-value mode and chunk

    cdef void list_arrays(self, vector[NamedArray]& arrays)
    cdef Place place(self, const Node* node) noexcept nogil
    cdef int32_t group_of(self, const Node* node) noexcept nogil
    cdef forget_places(self)
    cdef find_thresholds(self, Forest forest)
    cdef make_buckets(self, RankedFeature* ranked)
    cdef make_columns(self, Forest forest)


cdef inline int32_t bucket_of(double value, double low, double scale, double last_bucket) noexcept nogil:
    """Bucket of a threshold when the table is made, and of a value when it is searched: both must be the same."""
    cdef double place = (value - low) * scale
    place = place if place > 0.0 else 0.0  # a NaN is in the first bucket
    return <int32_t> (place if place < last_bucket else last_bucket)
