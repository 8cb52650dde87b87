"""Turns a forest into the plan that the batch kernels evaluate.

A numerical split asks ``value <= threshold``. With the thresholds of a feature sorted, let the rank of a value be the
number of thresholds that it exceeds; then ``value <= thresholds[k]`` is exactly ``rank <= k``. Each value is compared
with thresholds once, as a double, and the trees work on ranks. A rank fits a byte because a column of bytes stands for
at most 255 thresholds of its feature: a feature with more has several columns, each with the rank cut to its range.
docs/how-it-works.md tells the whole story.
"""
from libc.math cimport INFINITY, NAN, isfinite, isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libcpp.algorithm cimport lower_bound, reverse, sort, unique
from libcpp.vector cimport vector

from fasttrees._forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, MISSING_ZERO, Forest, Node
from fasttrees._rows cimport ZERO_LIMIT

cdef enum:
    # Ways to treat missing values, one column each: none are missing, or zeros or NaNs are and go right or left.
    N_WAYS = 5

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


cdef class Plan:
    """The evaluation plan of a forest."""

    def __init__(self, Forest forest not None):
        self.forest = forest
        cdef vector[Ranking] rankings
        cdef vector[uint32_t] column_of
        self.rank_thresholds(rankings)
        self.make_columns(rankings, column_of)
        self.make_sets()
        self.make_raw_slots()
        self.order_splits(rankings, column_of)
        self.selects.shrink_to_fit()
        self.rank_nodes.shrink_to_fit()

    @property
    def nbytes(self):
        """Bytes of memory that the plan's arrays hold."""
        return (
            self.ranked_features.capacity() * sizeof(RankedFeature) + 8 * self.thresholds.capacity()
            + self.columns.capacity() * sizeof(Column) + 4 * self.categorical_features.capacity()
            + self.sets.capacity() * sizeof(CategorySet)
            + 4 * (self.raw_features.capacity() + self.term_slot.capacity())
            + self.trees.capacity() * sizeof(TreePlan) + self.selects.capacity() * sizeof(Select)
            + self.rank_nodes.capacity() * sizeof(RankNode)
        )

    cdef void rank_thresholds(self, vector[Ranking]& rankings):
        """Collect the sorted thresholds of each feature, padded for a binary search of a fixed number of steps."""
        cdef const vector[Node]* nodes = &self.forest.nodes
        cdef vector[vector[double]] found
        cdef vector[double]* own
        cdef vector[double].iterator last
        cdef vector[uint8_t] has_nan
        cdef size_t i
        cdef int32_t feature
        cdef RankedFeature ranked
        found.resize(self.forest.n_features)
        has_nan.resize(self.forest.n_features)
        rankings.resize(self.forest.n_features)
        for i in range(nodes.size()):
            if not nodes[0][i].decision & CATEGORICAL:
                feature = nodes[0][i].feature
                if isnan(nodes[0][i].threshold):
                    has_nan[feature] = 1
                else:
                    found[feature].push_back(effective_threshold(nodes[0][i].threshold))
        for feature in range(self.forest.n_features):
            own = &found[feature]
            rankings[feature].begin = self.thresholds.size()
            if has_nan[feature]:
                self.thresholds.push_back(NAN)  # no value is <= NaN: its place is before all others
            sort(own.begin(), own.end())
            last = unique(own.begin(), own.end())
            self.thresholds.insert(self.thresholds.end(), own.begin(), last)
            rankings[feature].end = self.thresholds.size()
            vector[double]().swap(own[0])
            if rankings[feature].begin < rankings[feature].end:
                ranked.feature = feature
                ranked.threshold_begin = rankings[feature].begin
                self.make_buckets(&ranked, rankings[feature])
                self.thresholds.resize(rankings[feature].end + (<int64_t> 1 << ranked.steps) - 1, INFINITY)
                self.ranked_features.push_back(ranked)

    cdef void make_buckets(self, RankedFeature* ranked, const Ranking& ranking):
        """Divide the range of a feature's thresholds into buckets of one width: the first step of a search.

        The bucket of a value never falls as the value rises, because subtraction and multiplication never do, however
        they round. So thresholds in lower buckets are below the value, those in higher buckets above it, and only its
        own bucket is left to search.
        """
        cdef const double* begin = self.thresholds.data() + ranking.begin
        cdef int64_t i, n = ranking.end - ranking.begin, n_buckets = 1
        cdef int64_t first = 0, last = n - 1, fullest = 0, count = 0
        cdef int64_t bucket, current = -1
        while first < n and not isfinite(begin[first]):
            first += 1
        while last >= first and not isfinite(begin[last]):
            last -= 1
        ranked.low = ranked.scale = 0.0
        if last > first:
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

    cdef void make_columns(self, vector[Ranking]& rankings, vector[uint32_t]& column_of):
        """Make the columns that splits need; `column_of` maps feature, way and chunk to their number."""
        cdef const Node* node
        cdef RankedFeature* ranked
        cdef Ranking* ranking
        cdef size_t i
        cdef int way
        cdef uint32_t rank, n_thresholds, n_chunks, chunk, default_rank, zero_rank
        cdef int64_t table_size = 0
        for i in range(self.ranked_features.size()):
            ranking = &rankings[self.ranked_features[i].feature]
            ranking.first_chunk = table_size
            table_size += N_WAYS * count_chunks(ranking[0])
        column_of.resize(table_size, 0)
        for i in range(self.forest.nodes.size()):
            node = &self.forest.nodes[i]
            if not node.decision & CATEGORICAL:
                ranking = &rankings[node.feature]
                rank = self.rank_of(ranking[0], effective_threshold(node.threshold))
                column_of[place_of(ranking[0], way_of(node.decision), rank)] = 1
        for i in range(self.ranked_features.size()):
            ranked = &self.ranked_features[i]
            ranking = &rankings[ranked.feature]
            n_thresholds = ranking.end - ranking.begin
            n_chunks = count_chunks(ranking[0])
            ranked.column_begin = self.columns.size()
            zero_rank = self.rank_of(ranking[0], 0.0)
            ranked.marks_zeros = False
            for way in range(N_WAYS):
                # Where no missing type is set, a NaN is a zero.
                default_rank = zero_rank if way == 0 else n_thresholds if way % 2 else 0
                for chunk in range(n_chunks):
                    if column_of[ranking.first_chunk + way * n_chunks + chunk]:
                        column_of[ranking.first_chunk + way * n_chunks + chunk] = self.columns.size()
                        ranked.marks_zeros |= way in (1, 2)
                        self.columns.push_back(
                            Column(chunk * MAX_RANK, default_rank, default_rank if way in (1, 2) else zero_rank)
                        )
            ranked.column_end = self.columns.size()

    cdef void make_sets(self):
        """Give each categorical split its category set, and each feature of such splits a slot."""
        cdef vector[int32_t] slot_of
        cdef const Node* node
        cdef size_t i
        cdef int64_t begin, number
        slot_of.resize(self.forest.n_features, -1)
        for i in range(self.forest.nodes.size()):
            node = &self.forest.nodes[i]
            if node.decision & CATEGORICAL:
                if slot_of[node.feature] < 0:
                    slot_of[node.feature] = self.categorical_features.size()
                    self.categorical_features.push_back(node.feature)
                number = <int64_t> node.threshold
                begin = self.forest.set_begin[number]
                self.sets.push_back(
                    CategorySet(slot_of[node.feature], self.forest.set_begin[number + 1] - begin, begin)
                )

    cdef void make_raw_slots(self):
        """Give each feature that a linear leaf reads a slot."""
        cdef vector[int32_t] slot_of
        cdef size_t i
        cdef int32_t feature
        slot_of.resize(self.forest.n_features, -1)
        for i in range(self.forest.term_feature.size()):
            feature = self.forest.term_feature[i]
            if slot_of[feature] < 0:
                slot_of[feature] = self.raw_features.size()
                self.raw_features.push_back(feature)
            self.term_slot.push_back(slot_of[feature])

    cdef void order_splits(self, vector[Ranking]& rankings, vector[uint32_t]& column_of):
        """Write down each tree's splits for its kernel, in the order in which the kernel takes them."""
        cdef Py_ssize_t tree
        cdef int64_t i
        cdef int32_t n_splits, set_number = 0
        cdef uint32_t rank
        cdef const Node* nodes
        cdef vector[RankNode] ranked
        cdef vector[int32_t] order
        cdef RankNode split
        for tree in range(self.forest.tree_count()):
            nodes = self.forest.nodes.data() + self.forest.node_begin[tree]
            n_splits = self.forest.node_begin[tree + 1] - self.forest.node_begin[tree]
            ranked.clear()
            for i in range(n_splits):
                split = RankNode(0, nodes[i].left, nodes[i].right, 0, nodes[i].decision & CATEGORICAL)
                if split.in_set:
                    split.column = set_number
                    set_number += 1
                else:
                    rank = self.rank_of(rankings[nodes[i].feature], effective_threshold(nodes[i].threshold))
                    split.column = column_of[place_of(rankings[nodes[i].feature], way_of(nodes[i].decision), rank)]
                    split.rank = rank % MAX_RANK
                ranked.push_back(split)
            if n_splits >= MAX_SELECT_LEAVES:
                self.trees.push_back(TreePlan(self.rank_nodes.size(), n_splits, True))
                self.rank_nodes.insert(self.rank_nodes.end(), ranked.begin(), ranked.end())
                continue
            self.trees.push_back(TreePlan(self.selects.size(), n_splits, False))
            order_for_selection(ranked, order)
            self.add_selects(ranked, order)

    cdef void add_selects(self, const vector[RankNode]& splits, const vector[int32_t]& order):
        """Append a tree's splits, each with the places of its operands and of its result."""
        cdef vector[uint16_t] place       # by split: of its result
        cdef vector[uint16_t] free_places
        cdef const RankNode* split
        cdef Select select
        cdef int32_t number
        cdef size_t i
        cdef int slot
        place.resize(splits.size())
        for slot in range(N_SLOTS):
            free_places.push_back(MAX_SELECT_LEAVES + slot * (BLOCK // LANES))
        for i in range(order.size()):
            number = order[i]
            split = &splits[number]
            select.column = split.column
            select.rank = split.rank
            select.shape = (
                (LEFT_IS_VECTOR if split.left >= 0 else 0) | (RIGHT_IS_VECTOR if split.right >= 0 else 0)
                | (IN_SET if split.in_set else 0)
            )
            select.left = place[split.left] if split.left >= 0 else ~split.left
            select.right = place[split.right] if split.right >= 0 else ~split.right
            # The result must not lie where an operand does: the kernel's promise to the compiler.
            select.out = place[number] = free_places.back()
            free_places.pop_back()
            if split.left >= 0:
                free_places.push_back(select.left)
            if split.right >= 0:
                free_places.push_back(select.right)
            self.selects.push_back(select)


cdef inline int64_t bucket_of(double value, double low, double scale, double last_bucket) noexcept nogil:
    """As rank_values computes it."""
    cdef double place = (value - low) * scale
    place = place if place > 0.0 else 0.0
    return <int64_t> (place if place < last_bucket else last_bucket)


cdef inline uint32_t count_chunks(const Ranking& ranking) noexcept nogil:
    return (ranking.end - ranking.begin + MAX_RANK - 1) // MAX_RANK


cdef inline int64_t place_of(const Ranking& ranking, int way, uint32_t rank) noexcept nogil:
    return ranking.first_chunk + way * <int64_t> count_chunks(ranking) + rank // MAX_RANK


cdef void order_for_selection(const vector[RankNode]& splits, vector[int32_t]& order):
    """Order splits so that children come before parents and few vectors wait at any time.

    Of two children that are splits, the one whose own selection needs more vectors goes first. A split then needs one
    vector more than its children only where both need equally many, so that n vectors suffice for 2**n leaves.
    """
    cdef vector[int32_t] pending
    cdef vector[uint8_t] needs, right_first
    cdef int32_t number, left, right
    cdef size_t i
    order.clear()
    needs.assign(splits.size(), 0)
    right_first.assign(splits.size(), 0)
    if splits.size() == 0:
        return
    pending.push_back(0)
    while pending.size():
        number = pending.back()
        pending.pop_back()
        order.push_back(number)
        if splits[number].left >= 0:
            pending.push_back(splits[number].left)
        if splits[number].right >= 0:
            pending.push_back(splits[number].right)
    for i in range(order.size()):
        number = order[order.size() - 1 - i]
        left = needs[splits[number].left] if splits[number].left >= 0 else 0
        right = needs[splits[number].right] if splits[number].right >= 0 else 0
        right_first[number] = right > left > 0
        needs[number] = max(left + 1 if left == right else max(left, right), 1)
    order.clear()
    pending.push_back(0)
    while pending.size():  # parents first, the child that goes first last: backwards, this is the order
        number = pending.back()
        pending.pop_back()
        order.push_back(number)
        left, right = splits[number].left, splits[number].right
        if right_first[number]:
            left, right = right, left
        if left >= 0:
            pending.push_back(left)
        if right >= 0:
            pending.push_back(right)
    reverse(order.begin(), order.end())
