"""Contributions of features to raw scores (SHAP values), bit for bit as LightGBM's ``pred_contrib`` gives them.

The algorithm stands in contributions.pxd; here are its memory, the decisions of rows at splits and the walk. Each
build of this module, for each level of processors, compiles its own.
"""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport fabs, isnan
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset
from libcpp.vector cimport vector

from fasttrees._engine.contributions cimport (
    Frame, Path, Stack, add_to_rows, divide_rows, extend_path, find_totals, take_feature,
)
from fasttrees._engine.forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_NAN, MISSING_TYPE, MISSING_ZERO, Forest, Node
from fasttrees._engine.kernels.selection cimport category_of, is_in_set
from fasttrees._engine.rows cimport ZERO_THRESHOLD, RowBuffer, gather, overlap, round_to_zero, type_code

from fasttrees.errors import InputError, InputTypeError

cdef enum:
    MAX_ROWS = 8192        # of a block: more rows share more ways, and need more memory
    MIN_ROWS = 64
    BLOCK_BYTES = 1 << 23  # of a block's columns, decisions and rows
    STRIP = 64             # rows to gather at once
    GAP = 8                # values between columns, so that they do not fall on the same lines of a cache


cdef class Contributor:
    """Some iterations of a forest, ready to divide the raw scores of rows among their features.

    Parameters
    ----------
    forest : Forest
    first_iteration, n_iterations : int
        A range that the forest has.
    """

    cdef Forest forest
    cdef int64_t first_tree, last_tree
    cdef vector[int32_t] features  # that splits look at
    cdef vector[int32_t] slots     # by feature: its place among those
    cdef vector[double] expected   # by class
    cdef int64_t max_nodes, max_depth

    def __init__(self, Forest forest not None, int64_t first_iteration, int64_t n_iterations):
        cdef int64_t tree
        self.forest = forest
        self.first_tree = first_iteration * forest.n_classes
        self.last_tree = self.first_tree + n_iterations * forest.n_classes
        if not 0 <= self.first_tree <= self.last_tree <= forest.tree_count():
            raise InputError(f"no such iterations: {n_iterations} from {first_iteration}")
        self.slots.resize(forest.n_features, -1)
        self.expected.resize(forest.n_classes, 0.0)
        with nogil:
            for tree in range(self.first_tree, self.last_tree):
                self.expected[tree % forest.n_classes] += self.expected_value(tree)
                self.measure(tree)

    def columns_met(self):
        """For each class the columns that its trees add to, in order: features of splits, and the expected value."""
        cdef int64_t tree, i
        met = [set() for _ in range(self.forest.n_classes)]
        for tree in range(self.first_tree, self.last_tree):
            met[tree % self.forest.n_classes].add(self.forest.n_features)
            for i in range(self.forest.node_begin[tree], self.forest.node_begin[tree + 1]):
                met[tree % self.forest.n_classes].add(self.forest.nodes[i].feature)
        return [sorted(columns) for columns in met]

    cdef double expected_value(self, int64_t tree) noexcept nogil:
        """The mean of a tree's leaves, as often as training came to them."""
        cdef int64_t leaf, begin = self.forest.leaf_begin[tree]
        cdef double total, value = 0.0
        if self.forest.node_begin[tree] == self.forest.node_begin[tree + 1]:
            return self.forest.leaf_value[begin]
        total = self.forest.node_count[self.forest.node_begin[tree]]
        for leaf in range(begin, self.forest.leaf_begin[tree + 1]):
            value += self.forest.leaf_count[leaf] / total * self.forest.leaf_value[leaf]
        return value

    cdef int measure(self, int64_t tree) except -1 nogil:
        """Find the tree's features and how deep it is."""
        cdef vector[int64_t] pending  # a node and its depth
        cdef const Node* nodes = self.forest.nodes.data() + self.forest.node_begin[tree]
        cdef const Node* node
        cdef int64_t depth, n_nodes = self.forest.node_begin[tree + 1] - self.forest.node_begin[tree]
        self.max_nodes = max(self.max_nodes, n_nodes)
        if n_nodes:
            pending.push_back(1)
            pending.push_back(0)
        while pending.size():
            node = nodes + pending.back()
            pending.pop_back()
            depth = pending.back()
            pending.pop_back()
            self.max_depth = max(self.max_depth, depth)
            if self.slots[node.feature] < 0:
                self.slots[node.feature] = self.features.size()
                self.features.push_back(node.feature)
            if node.left >= 0:
                pending.push_back(depth + 1)
                pending.push_back(node.left)
            if node.right >= 0:
                pending.push_back(depth + 1)
                pending.push_back(node.right)

    def contribute(self, RowBuffer rows not None, out, Py_ssize_t start, Py_ssize_t stop):
        """Find the contributions for rows `start` to `stop`, into those rows of `out`.

        Parameters
        ----------
        rows : RowBuffer
        out : writable C-contiguous buffer of format ``d``
            For all rows of `rows`: an item for each class and feature, and behind each class's features one for the
            expected value.
        start, stop : int

        Raises
        ------
        InputError
            If the rows have another number of columns than the model has features, or `out` has another size.
        InputTypeError
            If `out` is of another format.
        """
        cdef Py_buffer view
        cdef Worker worker
        cdef size_t stride = <size_t> self.forest.n_classes * (self.forest.n_features + 1)
        if rows.rows.n_columns != self.forest.n_features:
            raise InputError(f"expected {self.forest.n_features} columns, got {rows.rows.n_columns}")
        if not 0 <= start <= stop <= rows.rows.n_rows:
            raise InputError(f"expected a range of the {rows.rows.n_rows} rows, got {start} to {stop}")
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_ND | PyBUF_FORMAT)
        try:
            if type_code(&view) != b"d":
                raise InputTypeError("expected out of format 'd' (float64)")
            if <size_t> view.len != rows.rows.n_rows * stride * sizeof(double):
                raise InputError(f"expected out of {rows.rows.n_rows * stride} items, got {view.len // sizeof(double)}")
            if <size_t> view.buf % sizeof(double) or overlap(&rows.rows, &view):
                raise InputError("expected an aligned out beside the rows")
            worker = Worker(self, stop - start)
            with nogil:
                worker.run(rows, <double*> view.buf, start, stop)
        finally:
            PyBuffer_Release(&view)


cdef class Worker:
    """The memory of one thread, and its work."""

    cdef Contributor model
    cdef Forest forest
    cdef Py_ssize_t block_rows
    cdef vector[double] columns     # by feature that splits look at, and row
    cdef vector[uint8_t] goes_left  # by node and row
    cdef vector[uint16_t] rows      # by depth, and room for a block
    cdef vector[Frame] frames
    cdef vector[Path] paths         # by depth
    cdef vector[double] numbers     # of the paths
    cdef vector[int32_t] numbers_of_features
    cdef Stack stack

    def __init__(self, Contributor model, Py_ssize_t n_rows):
        cdef size_t n_features = model.features.size()
        cdef size_t n_depths = model.max_depth + 2
        cdef size_t length = min(n_features, <size_t> model.max_depth) + 2  # of a path
        cdef size_t row_bytes = 8 * n_features + model.max_nodes + 2 * n_depths
        cdef size_t i
        cdef double* numbers
        cdef int32_t* features
        self.model = model
        self.forest = model.forest
        self.block_rows = min(max(<Py_ssize_t> (BLOCK_BYTES // row_bytes), MIN_ROWS), MAX_ROWS, max(n_rows, 1))
        self.columns.resize(n_features * (self.block_rows + GAP))
        self.goes_left.resize(model.max_nodes * self.block_rows)
        self.rows.resize(n_depths * self.block_rows)
        self.frames.resize(n_depths)
        self.paths.resize(n_depths)
        self.numbers.resize((3 * n_depths + 2) * length)
        self.numbers_of_features.resize((2 * n_depths + 1) * length)
        numbers, features = self.numbers.data(), self.numbers_of_features.data()
        for i in range(n_depths):
            self.paths[i] = Path(
                0, 0, numbers, numbers + length, numbers + 2 * length, features, features + length
            )
            numbers += 3 * length
            features += 2 * length
        self.stack = Stack(self.frames.data(), self.paths.data(), numbers, numbers + length, features)

    cdef void run(self, RowBuffer rows, double* out, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        cdef int n_classes = self.forest.n_classes, width = self.forest.n_features + 1
        cdef size_t stride = <size_t> n_classes * width
        cdef Py_ssize_t n, i
        cdef int64_t tree
        cdef int k
        while start < stop:
            n = min(self.block_rows, stop - start)
            self.read_columns(rows, start, n)
            memset(out + start * stride, 0, n * stride * sizeof(double))
            for i in range(start, start + n):
                for k in range(n_classes):
                    out[i * stride + k * width + width - 1] = self.model.expected[k]
            for tree in range(self.model.first_tree, self.model.last_tree):
                if self.forest.node_begin[tree] < self.forest.node_begin[tree + 1]:
                    self.decide(tree, n)
                    self.walk(tree, n, out + start * stride + tree % n_classes * width, stride)
            start += n

    cdef void read_columns(self, RowBuffer rows, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        """Read what splits look at, feature by feature."""
        cdef size_t n_features = self.model.features.size(), slot, stride = self.block_rows + GAP
        cdef Py_ssize_t first = 0, i
        cdef double* column
        while first < n and n_features:
            gather(
                &rows.rows, start + first, <int> min(<Py_ssize_t> STRIP, n - first), self.model.features.data(),
                <int> n_features, self.columns.data() + first, <int> stride,
            )
            first += STRIP
        for slot in range(0 if rows.rows.keeps_near_zero else n_features):
            column = self.columns.data() + slot * stride
            for i in range(n):
                column[i] = round_to_zero(column[i])

    cdef void decide(self, int64_t tree, Py_ssize_t n) noexcept nogil:
        """Find for each node and row whether the row goes left."""
        cdef const Node* node
        cdef const double* column
        cdef uint8_t* left = self.goes_left.data()
        cdef double threshold
        cdef int64_t i, at, words
        cdef uint8_t default
        for i in range(self.forest.node_begin[tree], self.forest.node_begin[tree + 1]):
            node = &self.forest.nodes[i]
            column = self.columns.data() + self.model.slots[node.feature] * <size_t> (self.block_rows + GAP)
            threshold, default = node.threshold, (node.decision & DEFAULT_LEFT) != 0
            if node.decision & CATEGORICAL:
                words = self.forest.set_begin[<int64_t> threshold]
                for at in range(n):
                    left[at] = is_in_set(
                        category_of(column[at]), self.forest.set_words.data() + words,
                        <uint32_t> (self.forest.set_begin[<int64_t> threshold + 1] - words),
                    )
            elif node.decision & MISSING_TYPE == MISSING_NAN:
                for at in range(n):
                    left[at] = default if isnan(column[at]) else column[at] <= threshold
            elif node.decision & MISSING_TYPE == MISSING_ZERO:
                for at in range(n):
                    left[at] = column[at] <= threshold if fabs(column[at]) > ZERO_THRESHOLD else default
            else:
                for at in range(n):
                    left[at] = (0.0 if isnan(column[at]) else column[at]) <= threshold
            left += n

    cdef double count(self, int64_t tree, int32_t child) noexcept nogil:
        """How many rows of training came to a node or leaf."""
        if child < 0:
            return self.forest.leaf_count[self.forest.leaf_begin[tree] + ~child]
        return self.forest.node_count[self.forest.node_begin[tree] + child]

    cdef void open_node(
        self, int64_t tree, int depth, int32_t number, const uint16_t* rows, int32_t n_rows, Py_ssize_t n
    ) noexcept nogil:
        """Divide rows at a node whose path stands in its place."""
        cdef Frame* frame = self.stack.frames + depth
        cdef const Node* node = &self.forest.nodes[self.forest.node_begin[tree] + number]
        cdef double here = self.count(tree, number)
        cdef double fraction = take_feature(self.stack.paths + depth, node.feature, &frame.is_hot)
        frame.node = number
        frame.feature = node.feature
        frame.stage = 0
        frame.left = self.count(tree, node.left) / here * fraction
        frame.right = self.count(tree, node.right) / here * fraction
        frame.rows = self.rows.data() + depth * <size_t> self.block_rows
        frame.n_rows = n_rows
        frame.n_left = divide_rows(rows, n_rows, self.goes_left.data() + number * n, frame.rows)

    cdef void walk(self, int64_t tree, Py_ssize_t n, double* out, size_t stride) noexcept nogil:
        """Add what the tree adds to all rows of the block."""
        cdef const Node* nodes = self.forest.nodes.data() + self.forest.node_begin[tree]
        cdef const Frame* frame
        cdef Path* path
        cdef const uint16_t* rows
        cdef uint16_t* all_rows = self.rows.data() + (self.model.max_depth + 1) * self.block_rows
        cdef int32_t n_rows, child
        cdef int depth = 0, stage
        cdef bint goes_left, takes_left
        cdef Py_ssize_t i
        for i in range(n):
            all_rows[i] = i
        path = self.stack.paths
        path.n_hot = path.n_cold = 0
        path.weights[0] = 1.0
        self.open_node(tree, 0, 0, all_rows, <int32_t> n, n)
        while depth >= 0:
            frame = self.stack.frames + depth
            stage = frame.stage
            if stage == 4:
                depth -= 1
                continue
            self.stack.frames[depth].stage += 1
            takes_left = stage < 2                 # the rows' decision
            goes_left = stage == 0 or stage == 3   # the visited child
            rows = frame.rows if takes_left else frame.rows + frame.n_left
            n_rows = frame.n_left if takes_left else frame.n_rows - frame.n_left
            if n_rows == 0:
                continue
            child = nodes[frame.node].left if goes_left else nodes[frame.node].right
            path = self.stack.paths + depth + 1
            extend_path(
                self.stack.paths + depth, path, frame.left if goes_left else frame.right,
                frame.is_hot and goes_left == takes_left, frame.feature,
            )
            if child < 0:
                find_totals(path, &self.stack, self.forest.leaf_value[self.forest.leaf_begin[tree] + ~child])
                add_to_rows(
                    out, stride, rows, n_rows, self.stack.totals, self.stack.features, path.n_hot + path.n_cold
                )
            else:
                depth += 1
                self.open_node(tree, depth, child, rows, n_rows, n)
