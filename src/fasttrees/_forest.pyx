"""A forest as flat arrays, and the proof that they are safe to walk.

The kernels trust these arrays without a check, so each way to make a Forest (the reader, a pickle) proves every tree
with :meth:`Forest.find_flaw` first.
"""
from libcpp.vector cimport vector

from fasttrees.errors import ModelFormatError


cdef extern from *:
    """
    #include <cstring>
    #include <vector>

    template <class Item> static inline const char* fasttrees_raw(const std::vector<Item>& items) {
        return reinterpret_cast<const char*>(items.data());
    }
    template <class Item> static inline size_t fasttrees_raw_size(const std::vector<Item>& items) {
        return items.size() * sizeof(Item);
    }
    template <class Item> static inline bool fasttrees_assign(std::vector<Item>& items, const char* raw, size_t size) {
        if (size % sizeof(Item)) return false;
        items.resize(size / sizeof(Item));
        if (size) std::memcpy(items.data(), raw, size);
        return true;
    }
    template <class Item> static inline void fasttrees_extend(std::vector<Item>& items, const std::vector<Item>& more) {
        items.insert(items.end(), more.begin(), more.end());
    }
    """
    const char* raw "fasttrees_raw"[Item](const vector[Item]& items)
    size_t raw_size "fasttrees_raw_size"[Item](const vector[Item]& items)
    bint assign "fasttrees_assign"[Item](vector[Item]& items, const char* raw, size_t size) except +
    void extend "fasttrees_extend"[Item](vector[Item]& items, const vector[Item]& more) except +


cdef extend_offsets(vector[int64_t]& offsets, const vector[int64_t]& more):
    """Append offsets that count from 0 to offsets into one array."""
    cdef size_t i
    cdef int64_t base = offsets.back()
    for i in range(1, more.size()):
        offsets.push_back(base + more[i])


cdef inline int flawed(Flaw* flaw, int kind, int side, int64_t got) noexcept nogil:
    flaw[0] = Flaw(kind, side, got)
    return kind


cdef check_offsets(const vector[int64_t]& offsets, size_t end, str name):
    """Prove that `offsets` rises from 0 to `end`."""
    cdef size_t i
    if offsets.size() == 0 or offsets[0] != 0 or <size_t> offsets[offsets.size() - 1] != end:
        raise ModelFormatError(f"offsets from 0 to {end}", "others", None, name)
    for i in range(1, offsets.size()):
        if offsets[i] < offsets[i - 1]:
            raise ModelFormatError("offsets that never fall", f"{offsets[i]} after {offsets[i - 1]}", None, name)


cdef class Forest:
    """The trees of a model: everything that predictions depend on but the objective."""

    def __init__(self, int n_features, int n_classes):
        self.n_features = n_features
        self.n_classes = n_classes
        self.node_begin.push_back(0)
        self.leaf_begin.push_back(0)
        self.set_begin.push_back(0)
        self.linear_begin.push_back(0)
        self.term_begin.push_back(0)

    cdef Py_ssize_t tree_count(self) noexcept nogil:
        return <Py_ssize_t> self.leaf_begin.size() - 1

    @property
    def n_trees(self):
        """Number of trees."""
        return self.tree_count()

    @property
    def n_leaves(self):
        """Number of leaves of all trees."""
        return self.leaf_value.size()

    @property
    def n_linear_trees(self):
        """Number of trees whose leaves hold linear models."""
        cdef Py_ssize_t tree, count = 0
        for tree in range(self.tree_count()):
            count += self.linear_begin[tree] < self.linear_begin[tree + 1]
        return count

    @property
    def nbytes(self):
        """Bytes of memory that the arrays hold."""
        return (
            self.nodes.capacity() * sizeof(Node)
            + 8 * (self.node_begin.capacity() + self.leaf_begin.capacity() + self.leaf_value.capacity())
            + 4 * (self.leaf_count.capacity() + self.node_count.capacity())
            + 8 * self.set_begin.capacity() + 4 * self.set_words.capacity()
            + 8 * (self.linear_begin.capacity() + self.linear_constant.capacity() + self.term_begin.capacity())
            + 4 * self.term_feature.capacity() + 8 * self.term_coefficient.capacity()
        )

    def leaf_values(self, Py_ssize_t tree):
        """Values of the leaves of a tree, from 0, in their order."""
        cdef int64_t leaf
        if not 0 <= tree < self.tree_count():
            raise IndexError(tree)
        return [self.leaf_value[leaf] for leaf in range(self.leaf_begin[tree], self.leaf_begin[tree + 1])]

    def features_used(self):
        """Numbers of the features that splits or linear leaves read: two sets, numerical and categorical."""
        cdef size_t i
        numerical, categorical = set(), set()
        for i in range(self.nodes.size()):
            (categorical if self.nodes[i].decision & CATEGORICAL else numerical).add(self.nodes[i].feature)
        for i in range(self.term_feature.size()):
            numerical.add(self.term_feature[i])
        return numerical, categorical

    cdef reserve(self, size_t n_leaves):
        """Make room for some leaves and their splits."""
        self.nodes.reserve(n_leaves)
        self.node_count.reserve(n_leaves)
        self.leaf_value.reserve(n_leaves)
        self.leaf_count.reserve(n_leaves)

    cdef append_all(self, list others):
        """Append the trees of other forests with the same features to this one, which is empty."""
        cdef Forest other
        cdef size_t n_nodes = 0, n_leaves = 0
        for other in others:
            n_nodes += other.nodes.size()
            n_leaves += other.leaf_value.size()
        self.nodes.reserve(n_nodes)
        self.node_count.reserve(n_nodes)
        self.leaf_value.reserve(n_leaves)
        self.leaf_count.reserve(n_leaves)
        for other in others:
            self.append(other)
        self.shrink()

    cdef append(self, Forest other):
        cdef int64_t first_set = self.set_begin.size() - 1
        cdef size_t i, first_node = self.nodes.size()
        extend_offsets(self.node_begin, other.node_begin)
        extend_offsets(self.leaf_begin, other.leaf_begin)
        extend_offsets(self.set_begin, other.set_begin)
        extend_offsets(self.linear_begin, other.linear_begin)
        extend_offsets(self.term_begin, other.term_begin)
        extend(self.nodes, other.nodes)
        extend(self.leaf_value, other.leaf_value)
        extend(self.leaf_count, other.leaf_count)
        extend(self.node_count, other.node_count)
        extend(self.set_words, other.set_words)
        extend(self.linear_constant, other.linear_constant)
        extend(self.term_feature, other.term_feature)
        extend(self.term_coefficient, other.term_coefficient)
        if first_set and other.set_begin.size() > 1:
            for i in range(first_node, self.nodes.size()):
                if self.nodes[i].decision & CATEGORICAL:
                    self.nodes[i].threshold += first_set

    cdef shrink(self):
        """Give back the memory that the arrays do not fill."""
        self.node_begin.shrink_to_fit()
        self.nodes.shrink_to_fit()
        self.leaf_begin.shrink_to_fit()
        self.leaf_value.shrink_to_fit()
        self.leaf_count.shrink_to_fit()
        self.node_count.shrink_to_fit()
        self.set_begin.shrink_to_fit()
        self.set_words.shrink_to_fit()
        self.linear_begin.shrink_to_fit()
        self.linear_constant.shrink_to_fit()
        self.term_begin.shrink_to_fit()
        self.term_feature.shrink_to_fit()
        self.term_coefficient.shrink_to_fit()

    cdef int find_flaw(self, Py_ssize_t tree, Flaw* flaw) except -1 nogil:
        """Prove that the nodes of a tree form one tree over its leaves and name real features and category sets.

        Returns the kind of the flaw; `flaw` says more.
        """
        cdef const Node* nodes = self.nodes.data() + self.node_begin[tree]
        cdef int64_t n_nodes = self.node_begin[tree + 1] - self.node_begin[tree]
        cdef int64_t n_leaves = self.leaf_begin[tree + 1] - self.leaf_begin[tree]
        cdef int64_t n_sets = <int64_t> self.set_begin.size() - 1
        cdef vector[uint8_t] is_child  # by child: leaves from the last to the first, then nodes
        cdef const Node* node
        cdef int32_t child
        cdef int64_t i
        cdef int side
        cdef bint falls = False  # whether a child does not stand behind its parent
        if n_leaves != n_nodes + 1:
            return flawed(flaw, WRONG_LEAVES, 0, n_leaves)
        is_child.resize(n_leaves + n_nodes + 1)
        is_child[n_leaves] = 1  # the root
        for i in range(n_nodes):
            node = &nodes[i]
            for side in range(2):
                child = node.right if side else node.left
                if child >= n_nodes or ~child >= n_leaves:
                    return flawed(flaw, WRONG_CHILD, side, child)
                if is_child[n_leaves + child]:
                    return flawed(flaw, REPEATED_CHILD, side, child)
                is_child[n_leaves + child] = 1
                falls |= 0 <= child <= i
            if node.feature < 0 or node.feature >= self.n_features:
                return flawed(flaw, WRONG_FEATURE, 0, node.feature)
            if node.decision >= MISSING_TYPE:
                return flawed(flaw, WRONG_DECISION, 0, node.decision)
            if node.decision & CATEGORICAL and not (
                0 <= node.threshold < n_sets and node.threshold == <double> <int64_t> node.threshold
            ):
                return flawed(flaw, WRONG_SET, 0, i)
        # Every node but the root now has one parent. If each stands behind its parent, all hang on the root; otherwise
        # nodes may form a cycle beside the tree, one node with itself too.
        i = count_below(nodes) if falls else n_nodes
        return flawed(flaw, LOOSE_NODES if i < n_nodes else SOUND, 0, i)

    cdef describe_flaw(self, Py_ssize_t tree):
        """The flaw of a tree: the key of the model file that is wrong, what was expected, what was got. Or None."""
        cdef Flaw flaw
        cdef int64_t n_nodes = self.node_begin[tree + 1] - self.node_begin[tree]
        cdef int64_t n_leaves = self.leaf_begin[tree + 1] - self.leaf_begin[tree]
        if self.find_flaw(tree, &flaw) == SOUND:
            return None
        child_key = "right_child" if flaw.side else "left_child"
        if flaw.kind == WRONG_LEAVES:
            return "num_leaves", f"{n_nodes + 1} leaves for {n_nodes} splits", str(flaw.got)
        if flaw.kind == WRONG_CHILD:
            return child_key, f"children from {-n_leaves} to {n_nodes - 1}", str(flaw.got)
        if flaw.kind == REPEATED_CHILD:
            return child_key, "each split and leaf to be a child once, the root never", f"{flaw.got} again"
        if flaw.kind == WRONG_FEATURE:
            return "split_feature", f"features from 0 to {self.n_features - 1}", str(flaw.got)
        if flaw.kind == WRONG_DECISION:
            return "decision_type", "bits 0 to 3 with a missing type of None, Zero or NaN", str(flaw.got)
        if flaw.kind == WRONG_SET:
            threshold = self.nodes[self.node_begin[tree] + flaw.got].threshold
            return "threshold", f"a category set below {self.set_begin.size() - 1}", repr(threshold)
        return "left_child", f"{n_nodes} splits below the root", str(flaw.got)

    def __reduce__(self):
        return Forest, (self.n_features, self.n_classes), (
            raw(self.node_begin)[:raw_size(self.node_begin)],
            raw(self.nodes)[:raw_size(self.nodes)],
            raw(self.leaf_begin)[:raw_size(self.leaf_begin)],
            raw(self.leaf_value)[:raw_size(self.leaf_value)],
            raw(self.set_begin)[:raw_size(self.set_begin)],
            raw(self.set_words)[:raw_size(self.set_words)],
            raw(self.linear_begin)[:raw_size(self.linear_begin)],
            raw(self.linear_constant)[:raw_size(self.linear_constant)],
            raw(self.term_begin)[:raw_size(self.term_begin)],
            raw(self.term_feature)[:raw_size(self.term_feature)],
            raw(self.term_coefficient)[:raw_size(self.term_coefficient)],
            raw(self.leaf_count)[:raw_size(self.leaf_count)],
            raw(self.node_count)[:raw_size(self.node_count)],
        )

    def __setstate__(self, tuple state):
        cdef bint whole = (
            len(state) == 13
            and assign(self.node_begin, <bytes> state[0], len(state[0]))
            and assign(self.nodes, <bytes> state[1], len(state[1]))
            and assign(self.leaf_begin, <bytes> state[2], len(state[2]))
            and assign(self.leaf_value, <bytes> state[3], len(state[3]))
            and assign(self.set_begin, <bytes> state[4], len(state[4]))
            and assign(self.set_words, <bytes> state[5], len(state[5]))
            and assign(self.linear_begin, <bytes> state[6], len(state[6]))
            and assign(self.linear_constant, <bytes> state[7], len(state[7]))
            and assign(self.term_begin, <bytes> state[8], len(state[8]))
            and assign(self.term_feature, <bytes> state[9], len(state[9]))
            and assign(self.term_coefficient, <bytes> state[10], len(state[10]))
            and assign(self.leaf_count, <bytes> state[11], len(state[11]))
            and assign(self.node_count, <bytes> state[12], len(state[12]))
        )
        if not whole:
            raise ModelFormatError("thirteen arrays of whole items", "others")
        self.check_all()

    cdef check_all(self):
        """Prove the whole forest: what the reader proves tree by tree, for arrays that come from elsewhere."""
        cdef Py_ssize_t tree
        cdef size_t i
        check_offsets(self.node_begin, self.nodes.size(), "node_begin")
        check_offsets(self.leaf_begin, self.leaf_value.size(), "leaf_begin")
        check_offsets(self.set_begin, self.set_words.size(), "set_begin")
        check_offsets(self.linear_begin, self.linear_constant.size(), "linear_begin")
        check_offsets(self.term_begin, self.term_feature.size(), "term_begin")
        n_trees = self.leaf_begin.size()
        if self.node_begin.size() != n_trees or self.linear_begin.size() != n_trees:
            raise ModelFormatError("the same number of trees in all offsets", "others")
        if self.term_begin.size() != self.linear_constant.size() + 1:
            raise ModelFormatError("offsets for every linear leaf", str(self.term_begin.size()), None, "term_begin")
        if self.term_coefficient.size() != self.term_feature.size():
            raise ModelFormatError("a coefficient for every term", str(self.term_coefficient.size()))
        if self.leaf_count.size() != self.leaf_value.size() or self.node_count.size() != self.nodes.size():
            raise ModelFormatError("a count for every leaf and split", "others")
        if self.n_classes < 1 or self.tree_count() % self.n_classes:
            raise ModelFormatError("whole iterations", f"{self.tree_count()} trees for {self.n_classes} classes")
        for i in range(self.term_feature.size()):
            if not 0 <= self.term_feature[i] < self.n_features:
                raise ModelFormatError(f"features from 0 to {self.n_features - 1}", str(self.term_feature[i]))
        for tree in range(self.tree_count()):
            problem = self.describe_flaw(tree)
            if problem is None and self.linear_begin[tree + 1] - self.linear_begin[tree] not in (
                0, self.leaf_begin[tree + 1] - self.leaf_begin[tree]
            ):
                problem = "is_linear", "a linear model for each leaf or none", "some"
            if problem is not None:
                key, expected, got = problem
                raise ModelFormatError(expected, got, tree, key)


cdef int64_t count_below(const Node* nodes) except -1 nogil:
    """Number of nodes that hang on the root, it included, where each node has one parent at most."""
    cdef vector[int32_t] pending
    cdef const Node* node
    cdef int64_t count = 0
    pending.push_back(0)
    while pending.size():
        node = &nodes[pending.back()]
        pending.pop_back()
        count += 1
        if node.left >= 0:
            pending.push_back(node.left)
        if node.right >= 0:
            pending.push_back(node.right)
    return count
