"""The evaluation plan of a forest: what the batch kernels read."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._forest cimport Forest

cdef enum:
    LANES = 64               # rows whose bytes the kernels treat together
    BLOCK = 512              # rows evaluated together; a multiple of LANES
    MAX_RANK = 255           # thresholds that one byte column tells apart
    MAX_SELECT_LEAVES = 256  # leaves that a byte can number
    N_SLOTS = 9              # vectors in use at once while such a tree is selected, see order_for_selection
    MAX_BUCKETS = 4096

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

cdef struct Column:
    # Ranks of a feature as bytes, for the splits that treat missing values alike and share 255 thresholds.
    uint32_t first_rank      # the rank that becomes 0
    uint32_t nan_rank        # the rank of a NaN
    uint32_t zero_rank       # the rank of a value near zero

cdef struct CategorySet:
    uint32_t slot           # into categorical_features
    uint32_t n_words
    int64_t word_begin

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

cdef struct Ranking:
    # Where the thresholds of a feature stand while the plan is made.
    int64_t begin
    int64_t end
    int64_t first_chunk     # into the table of columns in use

cdef struct TreePlan:
    int64_t begin           # into selects or rank_nodes
    int32_t n_splits
    int32_t is_large

cdef class Plan:
    cdef Forest forest
    cdef vector[RankedFeature] ranked_features
    cdef vector[double] thresholds
    cdef vector[uint32_t] buckets              # by feature and bucket: thresholds in the buckets before
    cdef vector[Column] columns
    cdef vector[int32_t] categorical_features
    cdef vector[CategorySet] sets
    cdef vector[int32_t] raw_features          # read by linear leaves
    cdef vector[int32_t] term_slot             # by linear term: into raw_features
    cdef vector[TreePlan] trees
    cdef vector[Select] selects
    cdef vector[RankNode] rank_nodes

    cdef void rank_thresholds(self, vector[Ranking]& rankings)
    cdef void make_buckets(self, RankedFeature* ranked, const Ranking& ranking)
    cdef uint32_t rank_of(self, const Ranking& ranking, double value) noexcept nogil
    cdef void make_columns(self, vector[Ranking]& rankings, vector[uint32_t]& column_of)
    cdef void make_sets(self)
    cdef void make_raw_slots(self)
    cdef void order_splits(self, vector[Ranking]& rankings, vector[uint32_t]& column_of)
    cdef void add_selects(self, const vector[RankNode]& splits, const vector[int32_t]& order)
