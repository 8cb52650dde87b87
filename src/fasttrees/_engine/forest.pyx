"""A forest as flat arrays, and the proof that they are safe to walk.

The kernels trust these arrays without a check, so each way to make a Forest (the reader, a pickle) proves every tree
with :meth:`Forest.find_flaw` first.
"""
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport AnyArray, Array, ArrayOwner, NamedArray

from fasttrees.errors import ModelFormatError


cdef extend_offsets(Array[int64_t]& offsets, Array[int64_t]& more):
    """Append offsets that count from 0 to offsets into one array."""
    cdef size_t i
    cdef int64_t base = offsets.back()
    for i in range(1, more.size()):
        offsets.push_back(base + more[i])


cdef inline int flawed(Flaw* flaw, int kind, int side, int64_t got) noexcept nogil:
    flaw[0] = Flaw(kind, side, got)
    return kind


cdef check_offsets(Array[int64_t]& offsets, size_t end, str name):
    """Prove that `offsets` rises from 0 to `end`."""
    cdef size_t i
    if offsets.size() == 0 or offsets[0] != 0 or <size_t> offsets[offsets.size() - 1] != end:
        raise ModelFormatError(f"offsets from 0 to {end}", "others", None, name)
    for i in range(1, offsets.size()):
        if offsets[i] < offsets[i - 1]:
            raise ModelFormatError("offsets that never fall", f"{offsets[i]} after {offsets[i - 1]}", None, name)


cdef class Forest(ArrayOwner):
    """The trees of a model: everything that predictions depend on but the objective."""

    def __init__(self, int n_features, int n_classes):
        self.n_features = n_features
        self.n_classes = n_classes
        self.node_begin.push_back(0)
        self.leaf_begin.push_back(0)
        self.set_begin.push_back(0)
        self.linear_begin.push_back(0)
        self.term_begin.push_back(0)

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        arrays.push_back(NamedArray("node_begin", &self.node_begin))
        arrays.push_back(NamedArray("nodes", &self.nodes))
        arrays.push_back(NamedArray("leaf_begin", &self.leaf_begin))
        arrays.push_back(NamedArray("leaf_value", &self.leaf_value))
        arrays.push_back(NamedArray("leaf_count", &self.leaf_count))
        arrays.push_back(NamedArray("node_count", &self.node_count))
        arrays.push_back(NamedArray("set_begin", &self.set_begin))
        arrays.push_back(NamedArray("set_words", &self.set_words))
        arrays.push_back(NamedArray("linear_begin", &self.linear_begin))
        arrays.push_back(NamedArray("linear_constant", &self.linear_constant))
        arrays.push_back(NamedArray("term_begin", &self.term_begin))
        arrays.push_back(NamedArray("term_feature", &self.term_feature))
        arrays.push_back(NamedArray("term_coefficient", &self.term_coefficient))

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
        self.nodes.extend(other.nodes.data(), other.nodes.size())
        self.leaf_value.extend(other.leaf_value.data(), other.leaf_value.size())
        self.leaf_count.extend(other.leaf_count.data(), other.leaf_count.size())
        self.node_count.extend(other.node_count.data(), other.node_count.size())
        self.set_words.extend(other.set_words.data(), other.set_words.size())
        self.linear_constant.extend(other.linear_constant.data(), other.linear_constant.size())
        self.term_feature.extend(other.term_feature.data(), other.term_feature.size())
        self.term_coefficient.extend(other.term_coefficient.data(), other.term_coefficient.size())
        if first_set and other.set_begin.size() > 1:
            for i in range(first_node, self.nodes.size()):
                if self.nodes[i].decision & CATEGORICAL:
                    self.nodes[i].threshold += first_set

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
        return Forest, (self.n_features, self.n_classes), tuple(
            bytes(content) for _, content in self.named("").values()
        )

    def __setstate__(self, tuple state):
        cdef vector[NamedArray] arrays
        cdef AnyArray* array
        cdef size_t i
        self.list_arrays(arrays)
        if len(state) != <Py_ssize_t> arrays.size():
            raise ModelFormatError(f"{arrays.size()} arrays", str(len(state)))
        for i in range(arrays.size()):
            array = arrays[i].array
            content = <bytes?> state[i]
            if len(content) % array.item_size:
                raise ModelFormatError("whole items", f"{len(content)} bytes", None, arrays[i].name.decode())
            array.copy(<bytes> content, len(content) // array.item_size)
        self.check_all()

    def sections(self):
        """The arrays as sections of a compact file."""
        return self.named("forest.")

    cpdef borrow_from(self, sections):
        """Let the arrays read the sections of a compact file in place: proved when it was written."""
        self.borrow(sections, "forest.")

    cpdef check_all(self):
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
