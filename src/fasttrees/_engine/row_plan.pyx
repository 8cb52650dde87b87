"""Turn a forest into the plan by which few rows are walked; see docs/internals/how-it-works.md."""
from libc.stdint cimport int32_t, int64_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._engine.arrays cimport ArrayOwner, NamedArray
from fasttrees._engine.categories cimport TILE, Categories, CategorySet
from fasttrees._engine.forest cimport CATEGORICAL, Forest, Node
from fasttrees._engine.ranks cimport Place, Ranks


cdef class RowPlan(ArrayOwner):
    """The walking plan of a forest: every split looks at one byte of a row, as in the plan for batches."""

    def __init__(self, Forest forest not None, bint keeps_near_zero=False, sections=None):
        cdef Py_ssize_t tree
        self.ranks = Ranks(forest, keeps_near_zero, sections)
        self.categories = Categories(forest, sections, "rows.categories.")
        if sections is not None:
            self.borrow(sections, "rows.")
            self.measure(forest)
            return
        self.sets_of_splits(forest)
        self.categories.make_classes(forest)
        self.place_outcomes()
        self.measure(forest)
        if self.fits:
            self.steps.reserve(2 * forest.nodes.size() + forest.tree_count())
            for tree in range(forest.tree_count()):
                self.add_tree(forest, tree)
        self.ranks.forget_places()
        vector[uint32_t]().swap(self.set_of)

    cdef void list_arrays(self, vector[NamedArray]& arrays):
        arrays.push_back(NamedArray("steps", &self.steps))
        arrays.push_back(NamedArray("roots", &self.roots))
        arrays.push_back(NamedArray("outcome_begin", &self.outcome_begin))

    @property
    def nbytes(self):
        """Bytes of memory that the plan's arrays hold or borrow."""
        return self.own_nbytes() + self.ranks.nbytes + self.categories.nbytes

    def sections(self):
        """The arrays as sections of a compact file, without those of the ranks: they are the other plan's too."""
        return {**self.categories.named("rows.categories."), **self.named("rows.")}

    cdef measure(self, Forest forest):
        """Find how many columns a row has, and whether a Step can number them and all steps."""
        cdef Py_ssize_t tree
        cdef int64_t n_leaves = 1
        for tree in range(forest.tree_count()):
            n_leaves = max(n_leaves, forest.leaf_begin[tree + 1] - forest.leaf_begin[tree])
        self.n_columns = max(<int64_t> self.outcome_begin.back(), n_leaves)
        self.fits = self.n_columns <= MAX_COLUMNS and 2 * forest.nodes.size() + forest.tree_count() <= MAX_STEPS

    cdef sets_of_splits(self, Forest forest):
        """Make the category sets of the categorical splits known to the categories, in the order of the splits."""
        cdef size_t i
        for i in range(forest.nodes.size()):
            if forest.nodes[i].decision & CATEGORICAL:
                self.set_of.resize(forest.nodes.size())
                self.set_of[i] = self.categories.add_set(forest, &forest.nodes[i], True)

    cdef place_outcomes(self):
        """Assign each categorical split a column after those of the ranks: for each feature whole tiles."""
        cdef vector[uint32_t] n_splits
        cdef size_t i
        n_splits.resize(self.categories.features.size())
        for i in range(self.categories.sets.size()):
            n_splits[self.categories.sets[i].slot] += 1
        self.outcome_begin.push_back(self.ranks.columns.size())
        for i in range(n_splits.size()):
            self.outcome_begin.push_back(self.outcome_begin.back() + (n_splits[i] + TILE - 1) // TILE * TILE)

    cdef add_tree(self, Forest forest, Py_ssize_t tree):
        """Append a tree's splits and leaves level by level: children side by side, what is near the root together."""
        cdef const Node* nodes = forest.nodes.data() + forest.node_begin[tree]
        cdef vector[int32_t] level, below
        cdef int32_t child
        cdef uint32_t next_step = self.steps.size() + 1
        cdef size_t i
        self.roots.push_back(self.steps.size())
        level.push_back(0 if forest.node_begin[tree + 1] > forest.node_begin[tree] else ~0)
        while level.size():
            below.clear()
            for i in range(level.size()):
                child = level[i]
                if child < 0:
                    self.steps.push_back(Step(self.steps.size(), <uint32_t> ~child << 8 | LEAF_RANK))
                    continue
                self.steps.push_back(Step(next_step, self.test_of(forest, forest.node_begin[tree] + child)))
                next_step += 2
                below.push_back(nodes[child].left)
                below.push_back(nodes[child].right)
            level.swap(below)

    cdef uint32_t test_of(self, Forest forest, int64_t node) noexcept:
        """Column and rank of a split."""
        cdef const CategorySet* category_set
        cdef Place place
        if forest.nodes[node].decision & CATEGORICAL:
            category_set = &self.categories.sets[self.set_of[node]]
            return (self.outcome_begin[category_set.slot] + category_set.split) << 8
        place = self.ranks.place(&forest.nodes[node])
        return place.column << 8 | place.rank
