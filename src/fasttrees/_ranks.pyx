"""Replaces the thresholds of numerical splits by ranks.

A numerical split asks ``value <= threshold``. With the thresholds of a feature sorted, let the rank of a value be the
number of thresholds that it exceeds; then ``value <= thresholds[k]`` is exactly ``rank <= k``. Each value is compared
with thresholds once, as a double, and the trees work on ranks. A rank fits a byte because a column of bytes stands for
at most 255 thresholds of its feature: a feature with more has several columns, each with the rank cut to its range.
"""
from libc.math cimport INFINITY, NAN, isfinite, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libcpp.algorithm cimport lower_bound, sort, unique
from libcpp.vector cimport vector

from fasttrees._forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, MISSING_ZERO, Forest, Node
from fasttrees._rows cimport ZERO_LIMIT

cdef enum:
    # Ways to treat missing values, one column each: none are missing, or zeros or NaNs are and go right or left.
    N_WAYS = 5
    MAX_BUCKETS = 4096
    FEW_THRESHOLDS = 7  # compared with all of them, without buckets

cdef extern from "<cmath>" namespace "std" nogil:
    double nextafter(double, double)


cdef inline int way_of(uint8_t decision) noexcept nogil:
    if not decision & MISSING_TYPE:
        return 0
    return (1 if decision & MISSING_TYPE == MISSING_ZERO else 3) + (decision & DEFAULT_LEFT != 0)


cdef inline double effective_threshold(double threshold) noexcept nogil:
    """The threshold that, compared with a value as it is, decides as LightGBM does after making tiny values zero."""
    if -ZERO_LIMIT <= threshold < 0.0:
        return nextafter(-ZERO_LIMIT, -INFINITY)
    if 0.0 <= threshold < ZERO_LIMIT:
        return ZERO_LIMIT
    return threshold


cdef class Ranks:
    """Ranks and columns for all numerical splits of a forest."""

    def __init__(self, Forest forest not None):
        self.find_thresholds(forest)
        self.make_columns(forest)

    @property
    def nbytes(self):
        """Bytes of memory that the arrays hold."""
        return (
            self.features.capacity() * sizeof(RankedFeature) + 8 * self.thresholds.capacity()
            + 4 * self.buckets.capacity() + self.columns.capacity() * sizeof(Column)
            + self.rankings.capacity() * sizeof(Ranking) + 4 * self.column_of.capacity()
        )

    cdef Place place(self, const Node* node) noexcept nogil:
        """Column and rank of a numerical split."""
        cdef const Ranking* ranking = &self.rankings[node.feature]
        cdef uint32_t rank = self.rank_of(ranking[0], effective_threshold(node.threshold))
        return Place(self.column_of[chunk_of(ranking[0], way_of(node.decision), rank)], rank % MAX_RANK)

    cdef forget_places(self):
        """Free what only :meth:`place` needs."""
        vector[Ranking]().swap(self.rankings)
        vector[uint32_t]().swap(self.column_of)

    cdef find_thresholds(self, Forest forest):
        """Collect the sorted thresholds of each feature, padded for a binary search of a fixed number of steps."""
        cdef const vector[Node]* nodes = &forest.nodes
        cdef vector[vector[double]] found
        cdef vector[double]* own
        cdef vector[double].iterator last
        cdef vector[uint8_t] has_nan
        cdef size_t i
        cdef int32_t feature
        cdef RankedFeature ranked
        found.resize(forest.n_features)
        has_nan.resize(forest.n_features)
        self.rankings.resize(forest.n_features)
        for i in range(nodes.size()):
            if not nodes[0][i].decision & CATEGORICAL:
                feature = nodes[0][i].feature
                if isnan(nodes[0][i].threshold):
                    has_nan[feature] = 1
                else:
                    found[feature].push_back(effective_threshold(nodes[0][i].threshold))
        for feature in range(forest.n_features):
            own = &found[feature]
            self.rankings[feature].begin = self.thresholds.size()
            if has_nan[feature]:
                self.thresholds.push_back(NAN)  # no value is <= NaN: its place is before all others
            sort(own.begin(), own.end())
            last = unique(own.begin(), own.end())
            self.thresholds.insert(self.thresholds.end(), own.begin(), last)
            self.rankings[feature].end = self.thresholds.size()
            vector[double]().swap(own[0])
            if self.rankings[feature].begin < self.rankings[feature].end:
                ranked.feature = feature
                ranked.threshold_begin = self.rankings[feature].begin
                self.make_buckets(&ranked)
                self.thresholds.resize(self.rankings[feature].end + (<int64_t> 1 << ranked.steps) - 1, INFINITY)
                self.features.push_back(ranked)

    cdef make_buckets(self, RankedFeature* ranked):
        """Divide the range of a feature's thresholds into buckets of one width: the first step of a search.

        The bucket of a value never falls as the value rises, because subtraction and multiplication never do, however
        they round. So thresholds in lower buckets are below the value, those in higher buckets above it, and only its
        own bucket is left to search.
        """
        cdef const double* begin = self.thresholds.data() + ranked.threshold_begin
        cdef int64_t i, n = self.thresholds.size() - ranked.threshold_begin, n_buckets = 1
        cdef int64_t first = 0, last = n - 1, fullest = 0, count = 0
        cdef int64_t bucket, current = -1
        while first < n and not isfinite(begin[first]):
            first += 1
        while last >= first and not isfinite(begin[last]):
            last -= 1
        ranked.low = ranked.scale = 0.0
        if n > FEW_THRESHOLDS and last > first:
            while n_buckets < 4 * n and n_buckets < MAX_BUCKETS:
                n_buckets *= 2
            ranked.low = begin[first]
            ranked.scale = (n_buckets - 1) / (begin[last] - begin[first])
            if not isfinite(ranked.scale):
                ranked.scale = 0.0
        ranked.last_bucket = n_buckets - 1
        ranked.bucket_begin = self.buckets.size()
        for i in range(n):
            bucket = bucket_of(begin[i], ranked.low, ranked.scale, ranked.last_bucket)
            while current < bucket:
                self.buckets.push_back(i)
                current += 1
                count = 0
            count += 1
            fullest = max(fullest, count)
        self.buckets.resize(ranked.bucket_begin + n_buckets, n)
        ranked.steps = 0
        while (<int64_t> 1 << ranked.steps) - 1 < fullest:
            ranked.steps += 1

    cdef uint32_t rank_of(self, const Ranking& ranking, double value) noexcept nogil:
        """Number of the feature's thresholds that `value` exceeds; for a NaN, the place of the threshold NaN."""
        cdef const double* begin = self.thresholds.data() + ranking.begin
        cdef const double* end = self.thresholds.data() + ranking.end
        if isnan(value):
            return 0
        return lower_bound(begin + isnan(begin[0]), end, value) - begin

    cdef make_columns(self, Forest forest):
        """Make the columns that splits need."""
        cdef const Node* node
        cdef RankedFeature* ranked
        cdef Ranking* ranking
        cdef size_t i
        cdef int way
        cdef uint32_t rank, n_thresholds, n_chunks, chunk, default_rank, zero_rank
        cdef int64_t table_size = 0
        for i in range(self.features.size()):
            ranking = &self.rankings[self.features[i].feature]
            ranking.first_chunk = table_size
            table_size += N_WAYS * count_chunks(ranking[0])
        self.column_of.resize(table_size, 0)
        for i in range(forest.nodes.size()):
            node = &forest.nodes[i]
            if not node.decision & CATEGORICAL:
                ranking = &self.rankings[node.feature]
                rank = self.rank_of(ranking[0], effective_threshold(node.threshold))
                self.column_of[chunk_of(ranking[0], way_of(node.decision), rank)] = 1
        for i in range(self.features.size()):
            ranked = &self.features[i]
            ranking = &self.rankings[ranked.feature]
            n_thresholds = ranking.end - ranking.begin
            n_chunks = count_chunks(ranking[0])
            ranked.column_begin = self.columns.size()
            zero_rank = self.rank_of(ranking[0], 0.0)
            ranked.marks_zeros = False
            for way in range(N_WAYS):
                # Where no missing type is set, a NaN is a zero.
                default_rank = zero_rank if way == 0 else n_thresholds if way % 2 else 0
                for chunk in range(n_chunks):
                    if self.column_of[ranking.first_chunk + way * n_chunks + chunk]:
                        self.column_of[ranking.first_chunk + way * n_chunks + chunk] = self.columns.size()
                        ranked.marks_zeros |= way in (1, 2)
                        self.columns.push_back(
                            Column(chunk * MAX_RANK, default_rank, default_rank if way in (1, 2) else zero_rank)
                        )
            ranked.column_end = self.columns.size()


cdef inline uint32_t count_chunks(const Ranking& ranking) noexcept nogil:
    return (ranking.end - ranking.begin + MAX_RANK - 1) // MAX_RANK


cdef inline int64_t chunk_of(const Ranking& ranking, int way, uint32_t rank) noexcept nogil:
    return ranking.first_chunk + way * <int64_t> count_chunks(ranking) + rank // MAX_RANK
