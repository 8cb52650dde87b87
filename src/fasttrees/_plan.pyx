"""Turns a forest into the plan that the batch kernels evaluate; docs/how-it-works.md tells the whole story."""
from libc.stdint cimport int32_t, uint8_t, uint16_t
from libcpp.algorithm cimport reverse
from libcpp.vector cimport vector

from fasttrees._categories cimport Categories
from fasttrees._forest cimport CATEGORICAL, Forest, Node
from fasttrees._ranks cimport Place, Ranks


cdef class Plan:
    """The evaluation plan of a forest."""

    def __init__(self, Forest forest not None):
        self.ranks = Ranks(forest)
        self.categories = Categories(forest)
        self.make_raw_slots(forest)
        self.order_trees(forest)
        self.ranks.forget_places()
        self.categories.make_classes(forest)
        self.selects.shrink_to_fit()
        self.rank_nodes.shrink_to_fit()

    @property
    def nbytes(self):
        """Bytes of memory that the plan's arrays hold."""
        return (
            self.ranks.nbytes + self.categories.nbytes
            + 4 * (self.raw_features.capacity() + self.term_slot.capacity())
            + self.trees.capacity() * sizeof(TreePlan) + self.selects.capacity() * sizeof(Select)
            + self.rank_nodes.capacity() * sizeof(RankNode)
        )

    cdef make_raw_slots(self, Forest forest):
        """Give each feature that a linear leaf reads a slot."""
        cdef vector[int32_t] slot_of
        cdef size_t i
        cdef int32_t feature
        slot_of.resize(forest.n_features, -1)
        for i in range(forest.term_feature.size()):
            feature = forest.term_feature[i]
            if slot_of[feature] < 0:
                slot_of[feature] = self.raw_features.size()
                self.raw_features.push_back(feature)
            self.term_slot.push_back(slot_of[feature])

    cdef order_trees(self, Forest forest):
        """Write down each tree's splits for its kernel, in the order in which the kernels take them: class by class."""
        cdef Py_ssize_t tree, class_number
        cdef const Node* nodes
        cdef vector[RankNode] splits
        cdef vector[int32_t] order
        cdef size_t i
        cdef bint is_large
        self.trees.resize(forest.tree_count())
        for class_number in range(forest.n_classes):
            tree = class_number
            while tree < forest.tree_count():
                nodes = forest.nodes.data() + forest.node_begin[tree]
                splits.resize(forest.node_begin[tree + 1] - forest.node_begin[tree])
                is_large = splits.size() >= <size_t> MAX_SELECT_LEAVES
                for i in range(splits.size()):
                    splits[i].left, splits[i].right = nodes[i].left, nodes[i].right
                order_for_selection(splits, order)
                for i in range(order.size()):
                    self.place_split(forest, nodes + order[i], &splits[order[i]], not is_large)
                if is_large:
                    self.trees[tree] = TreePlan(self.rank_nodes.size(), splits.size(), True)
                    self.rank_nodes.insert(self.rank_nodes.end(), splits.begin(), splits.end())
                else:
                    self.trees[tree] = TreePlan(self.selects.size(), splits.size(), False)
                    self.add_selects(splits, order)
                tree += forest.n_classes

    cdef place_split(self, Forest forest, const Node* node, RankNode* split, bint is_selected):
        """Say where a split finds its outcome: in a column of ranks, or in a category set."""
        cdef Place place
        split.in_set = node.decision & CATEGORICAL
        if split.in_set:
            split.column = self.categories.add_set(forest, node, is_selected)
            split.rank = 0
        else:
            place = self.ranks.place(node)
            split.column, split.rank = place.column, place.rank

    cdef add_selects(self, const vector[RankNode]& splits, const vector[int32_t]& order):
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
