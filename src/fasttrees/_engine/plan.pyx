"""Turn a forest into the plan that the batch kernels evaluate; see docs/internals/how-it-works.md."""
from libc.stdint cimport int32_t, uint8_t, uint16_t
from libcpp.algorithm cimport reverse
from libcpp.queue cimport priority_queue
from libcpp.utility cimport pair
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport ArrayOwner, NamedArray
from fasttrees._engine.categories cimport Categories
from fasttrees._engine.forest cimport CATEGORICAL, Forest, Node, count_of_weight
from fasttrees._engine.ranks cimport Place, Ranks

cdef enum:
    WALK_COST = 128  # selected splits that take as long as a row's step through a walked one, as measured

cdef struct Walked:
    # A split on its way to its place among rank nodes, and where its place is to be written.
    int32_t number
    int32_t parent  # -1 at the root of a sub-tree
    bint is_right


cdef class Plan(ArrayOwner):
    """The evaluation plan of a forest, made from it or borrowed from a compact file's sections."""

    def __init__(self, Forest forest not None, bint keeps_near_zero=False, sections=None):
        self.ranks = Ranks(forest, keeps_near_zero, sections)
        self.categories = Categories(forest, sections, "plan.categories.")
        if sections is not None:
            self.borrow(sections, "plan.")
            return
        self.make_linear_chunks(forest)
        self.order_trees(forest)
        self.ranks.forget_places()
        self.categories.make_classes(forest)
        self.shrink()

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        arrays.push_back(NamedArray("raw_features", &self.raw_features))
        arrays.push_back(NamedArray("linear_chunks", &self.linear_chunks))
        arrays.push_back(NamedArray("chunk_begin", &self.chunk_begin))
        arrays.push_back(NamedArray("trees", &self.trees))
        arrays.push_back(NamedArray("selects", &self.selects))
        arrays.push_back(NamedArray("exits", &self.exits))
        arrays.push_back(NamedArray("rank_nodes", &self.rank_nodes))

    @property
    def nbytes(self):
        """Bytes of memory that the plan's arrays hold or borrow."""
        return self.own_nbytes() + self.ranks.nbytes + self.categories.nbytes

    def sections(self):
        """The arrays as sections of a compact file."""
        return {**self.ranks.sections(), **self.categories.named("plan.categories."), **self.named("plan.")}

    cdef make_linear_chunks(self, Forest forest):
        """Assign a slot to each feature that a linear leaf reads, and cut the leaves' terms into chunks."""
        cdef vector[int32_t] slot_of
        cdef LinearChunk chunk
        cdef int64_t leaf, term, stop
        cdef int32_t feature
        cdef int i
        slot_of.resize(forest.n_features, -1)
        for term in range(<int64_t> forest.term_feature.size()):
            feature = forest.term_feature[term]
            if slot_of[feature] < 0:
                slot_of[feature] = self.raw_features.size()
                self.raw_features.push_back(feature)
        for leaf in range(<int64_t> forest.linear_constant.size()):
            term, stop = forest.term_begin[leaf], forest.term_begin[leaf + 1]
            self.chunk_begin.push_back(self.linear_chunks.size())
            while term < stop or <size_t> self.chunk_begin.back() == self.linear_chunks.size():
                for i in range(CHUNK_TERMS):
                    chunk.coefficients[i] = forest.term_coefficient[term] if term < stop else -0.0
                    chunk.slots[i] = slot_of[forest.term_feature[term]] if term < stop else self.raw_features.size()
                    term += 1
                self.linear_chunks.push_back(chunk)
        self.chunk_begin.push_back(self.linear_chunks.size())

    cdef order_trees(self, Forest forest):
        """Write down each tree's splits for the kernels, in the order in which they take the trees: class by class."""
        cdef Py_ssize_t tree, class_number
        self.trees.resize(forest.tree_count())
        for class_number in range(forest.n_classes):
            tree = class_number
            while tree < forest.tree_count():
                self.add_tree(forest, tree)
                tree += forest.n_classes

    cdef add_tree(self, Forest forest, Py_ssize_t tree):
        """Write down a tree: splits for selection, and splits below them for walking."""
        cdef const Node* nodes = forest.nodes.data() + forest.node_begin[tree]
        cdef int32_t n_nodes = forest.node_begin[tree + 1] - forest.node_begin[tree]
        cdef TreePlan* plan = &self.trees[tree]
        cdef vector[uint8_t] is_selected
        cdef vector[RankNode] splits
        cdef vector[int32_t] order, exits
        cdef int32_t* child
        cdef int32_t number
        cdef size_t i
        cdef int side
        plan.select_begin, plan.exit_begin = self.selects.size(), self.exits.size()
        plan.node_begin = self.rank_nodes.size()
        plan.n_selects = choose_selected(nodes, n_nodes, is_selected)
        splits.resize(n_nodes)
        for number in range(n_nodes):
            splits[number].left, splits[number].right = nodes[number].left, nodes[number].right
            if is_selected[number] and plan.n_selects < n_nodes:
                for side in range(2):
                    child = &splits[number].right if side else &splits[number].left
                    if child[0] < 0 or not is_selected[child[0]]:
                        exits.push_back(child[0])
                        child[0] = -<int32_t> exits.size()  # ~ of the exit's number
        order_for_selection(splits, order)
        for i in range(order.size()):
            self.place_split(forest, nodes + order[i], &splits[order[i]], True)
        self.add_selects(splits, order)
        plan.n_exits = exits.size()
        for number in exits:
            self.exits.push_back(self.add_walked(forest, nodes, number, plan.node_begin) if number >= 0 else number)

    cdef int32_t add_walked(self, Forest forest, const Node* nodes, int32_t root, int64_t begin) except? -1:
        """Append a sub-tree's splits, those that one row meets close together; the place of its root."""
        cdef int32_t first = self.rank_nodes.size() - begin, place
        cdef vector[Walked] pending
        cdef Walked walked
        cdef RankNode split
        pending.push_back(Walked(root, -1, False))
        while pending.size():
            walked = pending.back()
            pending.pop_back()
            place = self.rank_nodes.size() - begin
            if walked.is_right:
                self.rank_nodes[begin + walked.parent].right = place
            elif walked.parent >= 0:
                self.rank_nodes[begin + walked.parent].left = place
            split.left, split.right = nodes[walked.number].left, nodes[walked.number].right
            self.place_split(forest, nodes + walked.number, &split, False)
            self.rank_nodes.push_back(split)
            if split.right >= 0:
                pending.push_back(Walked(split.right, place, True))
            if split.left >= 0:
                pending.push_back(Walked(split.left, place, False))
        return first

    cdef place_split(self, Forest forest, const Node* node, RankNode* split, bint is_selected):
        """Choose where a split finds its outcome: in a column of ranks, or in a category set."""
        cdef Place place
        split.padding = 0
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


cdef int32_t choose_selected(const Node* nodes, int32_t n_nodes, vector[uint8_t]& is_selected):
    """Mark the splits to select and count them: all of a tree, or those that many rows reach and so their parents too.

    A selected split is decided for every row, a walked one only for the rows that reach it, at WALK_COST the price.
    How many that are, training's counts tell; without them, the number of leaves below.
    """
    cdef vector[float] weights
    cdef priority_queue[pair[float, int32_t]] waiting
    cdef int32_t number, child, n_selected = 0
    cdef int side
    if n_nodes < MAX_SELECT_LEAVES:
        is_selected.assign(n_nodes, True)
        return n_nodes
    is_selected.assign(n_nodes, False)
    weigh(nodes, n_nodes, weights)
    waiting.push(pair[float, int32_t](weights[0], 0))
    while waiting.size() and waiting.top().first * WALK_COST >= weights[0] and n_selected + 1 < MAX_SELECT_LEAVES:
        number = waiting.top().second
        waiting.pop()
        is_selected[number] = True
        n_selected += 1
        for side in range(2):
            child = nodes[number].right if side else nodes[number].left
            if child >= 0:
                waiting.push(pair[float, int32_t](weights[child], child))
    return n_selected


cdef void weigh(const Node* nodes, int32_t n_nodes, vector[float]& weights):
    """How many rows reach each split, as far as known."""
    cdef vector[int32_t] order
    cdef int32_t number, child, i
    cdef int side
    weights.resize(n_nodes)
    for number in range(n_nodes):
        weights[number] = max(count_of_weight(nodes[number].weight), <float> 0.0)
    if weights[0] > 0.0:
        return
    order.push_back(0)
    for i in range(n_nodes):
        weights[order[i]] = 1.0
        for side in range(2):
            child = nodes[order[i]].right if side else nodes[order[i]].left
            if child >= 0:
                order.push_back(child)
    for i in range(n_nodes - 1, -1, -1):
        for side in range(2):
            child = nodes[order[i]].right if side else nodes[order[i]].left
            if child >= 0:
                weights[order[i]] += weights[child]


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
