"""Replaces the thresholds of numerical splits by ranks.

A numerical split asks ``value <= threshold``. With the thresholds of a feature sorted, let the rank of a value be the
number of thresholds that it exceeds; then ``value <= thresholds[k]`` is exactly ``rank <= k``. Each value is compared
with thresholds once, as a double, and the trees work on ranks. A rank fits a byte because a column of bytes stands for
at most 255 thresholds of its feature: a feature with more has several columns, each with the rank cut to its range.
"""
from libc.math cimport INFINITY, isfinite, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from libcpp.algorithm cimport iter_swap, lower_bound, sort
from libcpp.pair cimport pair
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport ArrayOwner, NamedArray
from fasttrees._engine.forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, MISSING_ZERO, Forest, Node
from fasttrees._engine.rows cimport ZERO_THRESHOLD

cdef enum:
    # Ways to treat missing values, one column each: none are missing, or zeros or NaNs are and go right or left.
    N_MISSING_MODES = 5
    MAX_BUCKETS = 4096
    FEW_THRESHOLDS = 7  # compared with all of them, without buckets

cdef extern from "<cmath>" namespace "std" nogil:
    double nextafter(double, double)


cdef inline int missing_mode_of(uint8_t decision) noexcept nogil:
    if not decision & MISSING_TYPE:
        return 0
    return (1 if decision & MISSING_TYPE == MISSING_ZERO else 3) + (decision & DEFAULT_LEFT != 0)


cdef inline double effective_threshold(double threshold) noexcept nogil:
    """The threshold that decides on a value as it is as LightGBM does after rounding near-zero values to zero."""
    if -ZERO_THRESHOLD <= threshold < 0.0:
        return nextafter(-ZERO_THRESHOLD, -INFINITY)
    if 0.0 <= threshold < ZERO_THRESHOLD:
        return ZERO_THRESHOLD
    return threshold


cdef bint distinguishes_near_zero(Forest forest) noexcept:
    """Whether a split decides on a near-zero value otherwise than on zero, if nobody made it zero."""
    cdef const Node* node = forest.nodes.data()
    cdef size_t i
    for i in range(forest.nodes.size()):
        if not node.decision & CATEGORICAL and not is_zero_missing(node) \
                and -ZERO_THRESHOLD <= node.threshold < ZERO_THRESHOLD:
            return True
        node += 1
    return False


cdef inline bint is_zero_missing(const Node* node) noexcept nogil:
    return missing_mode_of(node.decision) in (1, 2)


cdef class ThresholdNumbers:
    """Numbers the different thresholds of all features in the order in which they come."""
    cdef vector[double] thresholds
    cdef vector[int32_t] features
    cdef vector[uint32_t] slots  # a hash table: numbers from 1, or 0; at most half of it is used

    def __init__(self):
        self.slots.resize(1 << 10)

    cdef uint32_t number_of(self, int32_t feature, double threshold) except? 0:
        """The number of a threshold of a feature, a new one if need be. All NaNs are the same threshold."""
        cdef size_t slot = self.slot_of(feature, threshold)
        if self.slots[slot] == 0:
            self.thresholds.push_back(threshold)
            self.features.push_back(feature)
            self.slots[slot] = self.thresholds.size()
            if 2 * self.thresholds.size() > self.slots.size():
                self.grow()
            return self.thresholds.size() - 1
        return self.slots[slot] - 1

    cdef inline size_t slot_of(self, int32_t feature, double threshold) noexcept nogil:
        """The slot that has the threshold's number or is free for it."""
        cdef uint64_t bits = 0
        cdef size_t slot
        cdef uint32_t number
        if not isnan(threshold):
            memcpy(&bits, &threshold, sizeof(double))
        bits = (bits ^ <uint64_t> feature * 0x9E3779B97F4A7C15ULL) * 0xD6E8FEB86659FD93ULL
        slot = (bits ^ bits >> 32) & (self.slots.size() - 1)
        while self.slots[slot]:
            number = self.slots[slot] - 1
            if self.features[number] == feature and (
                self.thresholds[number] == threshold or (isnan(threshold) and isnan(self.thresholds[number]))
            ):
                break
            slot = (slot + 1) & (self.slots.size() - 1)
        return slot

    cdef grow(self):
        cdef size_t number, n_slots = 2 * self.slots.size()
        self.slots.assign(n_slots, 0)
        for number in range(self.thresholds.size()):
            self.slots[self.slot_of(self.features[number], self.thresholds[number])] = number + 1


cdef void sort_thresholds(vector[pair[double, uint32_t]]& own) noexcept nogil:
    """Sort thresholds in ascending order; a threshold NaN, which no value is at most, goes first."""
    cdef size_t i, n_nans = 0
    for i in range(own.size()):
        if isnan(own[i].first):
            iter_swap(own.begin() + i, own.begin())
            n_nans = 1
    sort(own.begin() + n_nans, own.end())


cdef class Ranks(ArrayOwner):
    """Ranks and columns for all numerical splits of a forest.

    Parameters
    ----------
    forest : Forest
    keeps_near_zero : bool, default False
        Whether values within the zero limit are compared as they are. Splits that take them for missing then have
        thresholds apart from the feature's other splits, because only they may look at a mark instead of a rank.
    sections : Sections or None
        A compact file's that hold the ranks for values within the zero limit taken for zero, to borrow instead.
    """

    def __init__(self, Forest forest not None, bint keeps_near_zero=False, sections=None):
        self.keeps_near_zero = keeps_near_zero
        self.n_features = forest.n_features
        if sections is not None:
            self.borrow(sections, "ranks.")
            return
        self.find_thresholds(forest)
        self.make_columns(forest)

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        arrays.push_back(NamedArray("features", &self.features))
        arrays.push_back(NamedArray("thresholds", &self.thresholds))
        arrays.push_back(NamedArray("buckets", &self.buckets))
        arrays.push_back(NamedArray("columns", &self.columns))

    def sections(self):
        """The arrays as sections of a compact file."""
        return self.named("ranks.")

    cdef Place place(self, const Node* node) noexcept nogil:
        """Column and rank of a numerical split."""
        cdef const Ranking* ranking = &self.rankings[self.group_of(node)]
        cdef uint32_t rank = self.node_ranks[node - self.first_node]
        return Place(self.column_of[chunk_of(ranking[0], missing_mode_of(node.decision), rank)], rank % MAX_RANK)

    cdef int32_t group_of(self, const Node* node) noexcept nogil:
        """Which splits a numerical split shares its thresholds with: those of its feature, or those like it of them."""
        return node.feature + (self.n_features if self.keeps_near_zero and is_zero_missing(node) else 0)

    cdef forget_places(self):
        """Free what only :meth:`place` needs."""
        vector[uint32_t]().swap(self.node_ranks)
        vector[Ranking]().swap(self.rankings)
        vector[uint32_t]().swap(self.column_of)

    cdef find_thresholds(self, Forest forest):
        """Collect the sorted thresholds of each feature, padded for a binary search of a fixed number of steps.

        Trees share most of their thresholds: each different one is numbered and sorted once.
        """
        cdef ThresholdNumbers numbers = ThresholdNumbers()
        cdef vector[uint32_t] rank_of_number
        cdef vector[pair[double, uint32_t]]* own
        cdef vector[vector[pair[double, uint32_t]]] found
        cdef const Node* node
        cdef uint32_t number
        cdef double threshold
        cdef size_t i
        cdef int32_t group
        cdef RankedFeature ranked
        ranked.padding = 0
        self.rankings.resize(2 * forest.n_features)
        self.node_ranks.resize(forest.nodes.size())
        self.first_node = forest.nodes.data()
        for i in range(forest.nodes.size()):
            node = &forest.nodes[i]
            if not node.decision & CATEGORICAL:
                threshold = node.threshold if self.keeps_near_zero else effective_threshold(node.threshold)
                self.node_ranks[i] = numbers.number_of(self.group_of(node), threshold)
        found.resize(2 * forest.n_features)
        for number in range(numbers.thresholds.size()):
            found[numbers.features[number]].push_back(pair[double, uint32_t](numbers.thresholds[number], number))
        rank_of_number.resize(numbers.thresholds.size())
        for group in range(2 * forest.n_features):
            own = &found[group]
            sort_thresholds(own[0])
            self.rankings[group].begin = self.thresholds.size()
            for i in range(own.size()):
                self.thresholds.push_back(own[0][i].first)
                rank_of_number[own[0][i].second] = i
            self.rankings[group].end = self.thresholds.size()
            if self.rankings[group].begin < self.rankings[group].end:
                ranked.feature = group  # until the columns are made
                ranked.threshold_begin = self.rankings[group].begin
                self.make_buckets(&ranked)
                self.thresholds.resize(self.rankings[group].end + (<int64_t> 1 << ranked.steps) - 1, INFINITY)
                self.features.push_back(ranked)
        for i in range(forest.nodes.size()):
            if not forest.nodes[i].decision & CATEGORICAL:
                self.node_ranks[i] = rank_of_number[self.node_ranks[i]]

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

    cdef make_columns(self, Forest forest):
        """Make the columns that splits need."""
        cdef const Node* node
        cdef RankedFeature* ranked
        cdef Ranking* ranking
        cdef size_t i
        cdef int mode
        cdef uint32_t n_thresholds, n_chunks, chunk, default_rank, zero_rank
        cdef int64_t table_size = 0
        for i in range(self.features.size()):
            ranking = &self.rankings[self.features[i].feature]
            ranking.first_chunk = table_size
            table_size += N_MISSING_MODES * count_chunks(ranking[0])
        self.column_of.resize(table_size, 0)
        for i in range(forest.nodes.size()):
            node = &forest.nodes[i]
            if not node.decision & CATEGORICAL:
                ranking = &self.rankings[self.group_of(node)]
                self.column_of[chunk_of(ranking[0], missing_mode_of(node.decision), self.node_ranks[i])] = 1
        for i in range(self.features.size()):
            ranked = &self.features[i]
            ranking = &self.rankings[ranked.feature]
            n_thresholds = ranking.end - ranking.begin
            n_chunks = count_chunks(ranking[0])
            ranked.column_begin = self.columns.size()
            zero_rank = rank_of(self.thresholds.data() + ranking.begin, self.thresholds.data() + ranking.end, 0.0)
            ranked.marks_zeros = False
            for mode in range(N_MISSING_MODES):
                # Where no missing type is set, a NaN is a zero.
                default_rank = zero_rank if mode == 0 else n_thresholds if mode % 2 else 0
                for chunk in range(n_chunks):
                    if self.column_of[ranking.first_chunk + mode * n_chunks + chunk]:
                        self.column_of[ranking.first_chunk + mode * n_chunks + chunk] = self.columns.size()
                        ranked.marks_zeros |= mode in (1, 2)
                        self.columns.push_back(
                            Column(chunk * MAX_RANK, default_rank, default_rank if mode in (1, 2) else zero_rank)
                        )
            ranked.column_end = self.columns.size()
            ranked.feature %= self.n_features


cdef inline uint32_t rank_of(const double* begin, const double* end, double value) noexcept nogil:
    """Number of thresholds that `value`, which is not NaN, exceeds; a threshold NaN counts."""
    return lower_bound(begin + isnan(begin[0]), end, value) - begin


cdef inline uint32_t count_chunks(const Ranking& ranking) noexcept nogil:
    return (ranking.end - ranking.begin + MAX_RANK - 1) // MAX_RANK


cdef inline int64_t chunk_of(const Ranking& ranking, int mode, uint32_t rank) noexcept nogil:
    return ranking.first_chunk + mode * <int64_t> count_chunks(ranking) + rank // MAX_RANK
