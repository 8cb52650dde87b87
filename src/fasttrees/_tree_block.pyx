"""Reads one tree block of a model file and appends it to the forest, proved.

The table TREE_KEYS is the only place that knows the keys of trees.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t
from libcpp.vector cimport vector

from fasttrees._cursor cimport Cursor, is_word_end, shown
from fasttrees._forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, Forest, Node, weight_of
from fasttrees._lines cimport is_line_end
from fasttrees._numbers cimport NOT_A_NUMBER, PARSED, parse_double, parse_int32, parse_uint32

from fasttrees.errors import ModelFormatError

# Tree keys: list, way to read it, what its length is (see check_lengths), and whether a tree with splits needs it.
TREE_KEYS = {
    b"num_leaves": (NUM_LEAVES, INTEGERS, "one", True),
    b"num_cat": (NUM_CAT, INTEGERS, "one", True),
    b"split_feature": (SPLIT_FEATURE, INTEGERS, "splits", True),
    b"split_gain": (SPLIT_GAIN, UNUSED, "splits", False),
    b"threshold": (THRESHOLD, DOUBLES, "splits", True),
    b"decision_type": (DECISION_TYPE, INTEGERS, "splits", False),
    b"left_child": (LEFT_CHILD, INTEGERS, "splits", True),
    b"right_child": (RIGHT_CHILD, INTEGERS, "splits", True),
    b"leaf_value": (LEAF_VALUE, DOUBLES, "leaves", True),
    b"leaf_weight": (LEAF_WEIGHT, UNUSED, "leaves", False),
    b"leaf_count": (LEAF_COUNT, UNUSED, "leaves", False),
    b"internal_value": (INTERNAL_VALUE, UNUSED, "splits", False),
    b"internal_weight": (INTERNAL_WEIGHT, UNUSED, "splits", False),
    b"internal_count": (INTERNAL_COUNT, COUNTS, "splits", False),
    b"cat_boundaries": (CAT_BOUNDARIES, INTEGERS, "category sets + 1", False),
    b"cat_threshold": (CAT_THRESHOLD, WORDS, "category words", False),
    b"is_linear": (IS_LINEAR, INTEGERS, "one", False),
    b"leaf_const": (LEAF_CONST, DOUBLES, "leaves", False),
    b"num_features": (NUM_FEATURES, INTEGERS, "leaves", False),
    b"leaf_features": (LEAF_FEATURES, INTEGERS, "linear terms", False),
    b"leaf_coeff": (LEAF_COEFF, DOUBLES, "linear terms", False),
    b"shrinkage": (SHRINKAGE, UNUSED, "one", False),
}
KEY_NAMES = {slot: key.decode() for key, (slot, *_) in TREE_KEYS.items()}


cdef class TreeBlock:
    """The numbers of one tree block; the memory is used again for the next."""

    cdef void clear(self, Py_ssize_t number) noexcept:
        cdef int slot
        self.number = number
        for slot in range(N_KEYS):
            self.lengths[slot] = -1
        for slot in range(N_INTEGER_LISTS):
            self.integers[slot].clear()
        for slot in range(N_DOUBLE_LISTS):
            self.doubles[slot].clear()
        self.words.clear()
        self.counts.clear()

    cdef vector[double]* double_list(self, int slot) noexcept:
        return &self.doubles[slot - FIRST_DOUBLES]

    cdef error(self, int slot, str expected, str got):
        line = self.lines[slot] if self.lengths[slot] >= 0 else None
        return ModelFormatError(expected, got, self.number, KEY_NAMES[slot], line)

    cdef read_list(self, Cursor cursor, int slot, int kind):
        """Read the numbers up to the line's end: blanks between them, nothing else."""
        cdef int status = PARSED
        cdef int64_t length = 0
        cdef int32_t integer
        cdef uint32_t word
        cdef double number
        cdef const char* stop
        cdef const char* at = cursor.at
        cdef const char* end = cursor.end
        while True:
            while at < end and at[0] == b" ":
                at += 1
            if is_line_end(at, end):
                break
            if kind == DOUBLES:
                status = parse_double(at, end, &number, &stop)
                self.double_list(slot).push_back(number)
            elif kind == INTEGERS:
                status = parse_int32(at, end, &integer, &stop)
                self.integers[slot].push_back(integer)
            elif kind == WORDS:
                status = parse_uint32(at, end, &word, &stop)
                self.words.push_back(word)
            else:
                stop = pass_number(at, end)
                if kind == COUNTS:
                    self.counts.push_back(count_of(at, stop))
                status = PARSED if stop > at else NOT_A_NUMBER
            if status != PARSED or not is_word_end(stop, end):
                cursor.at = at
                expected = {INTEGERS: "a 32-bit integer", WORDS: "an unsigned 32-bit integer"}.get(kind, "a number")
                raise ModelFormatError(
                    f"{expected} at place {length + 1}", shown(cursor.word()), self.number, KEY_NAMES[slot], cursor.line
                )
            at = stop
            length += 1
        cursor.at = at
        self.lengths[slot] = length
        self.lines[slot] = cursor.line

    cdef read_block(self, Cursor cursor):
        """Read the lines below ``Tree=`` up to the first blank line."""
        while not is_line_end(cursor.at, cursor.end):
            line = cursor.line
            key = cursor.take_key()
            if key is None:
                raise ModelFormatError("a line key=value", shown(cursor.take_line()), self.number, None, line)
            if key not in TREE_KEYS:
                raise ModelFormatError("a key of LightGBM's trees", shown(key), self.number, None, line)
            slot, kind, _, _ = TREE_KEYS[key]
            if self.lengths[slot] >= 0:
                raise ModelFormatError("the key once", "it again", self.number, key.decode(), line)
            self.read_list(cursor, slot, kind)
            if cursor.at_end():
                raise ModelFormatError(
                    "a line end", "the end of the file inside a tree", self.number, key.decode(), line
                )
            cursor.pass_line_end()

    cdef int64_t single(self, int slot, int64_t default, int64_t low, int64_t high) except? -1:
        """The value of a key that holds one integer from `low` to `high`."""
        if self.lengths[slot] < 0:
            return default
        if self.lengths[slot] != 1:
            raise self.error(slot, "one integer", f"{self.lengths[slot]} numbers")
        value = self.integers[slot][0]
        if not low <= value <= high:
            raise self.error(slot, f"an integer from {low}" + (f" to {high}" if high < 2**31 - 1 else ""), str(value))
        return value

    cdef check_lengths(self, int64_t n_leaves, int64_t n_sets):
        """Prove that each list that is there has its length, and that each list that must be there is."""
        cdef int64_t n_terms = 0, n_words = 0
        cdef int32_t count
        for count in self.integers[NUM_FEATURES]:
            if count < 0:
                raise self.error(NUM_FEATURES, "counts from 0", str(count))
            n_terms += count
        if self.integers[CAT_BOUNDARIES].size():
            n_words = self.integers[CAT_BOUNDARIES].back()
        lengths = {
            "one": 1, "leaves": n_leaves, "splits": n_leaves - 1, "category sets + 1": n_sets + 1 if n_sets else 0,
            "category words": n_words, "linear terms": n_terms,
        }
        needed = {"category sets + 1", "category words"} if n_sets else set()
        if n_terms:
            needed.add("linear terms")
        for key, (slot, kind, measure, required) in TREE_KEYS.items():
            got = self.lengths[slot]
            if got < 0:
                if measure in needed or (required and not (measure == "splits" and n_leaves == 1)):
                    raise self.error(slot, f"the key, with as many numbers as {measure}", "no such key")
            elif got == 0 and n_leaves == 1 and kind in (COUNTS, UNUSED):
                continue  # LightGBM leaves these empty in trees that training could not split
            elif got != lengths[measure]:
                raise self.error(slot, f"as many numbers as {measure} ({lengths[measure]})", str(got))

    cdef add_to(self, Forest forest):
        """Append the tree to the forest, proved."""
        if self.lengths[NUM_LEAVES] < 0 or self.lengths[NUM_CAT] < 0:
            raise self.error(NUM_LEAVES if self.lengths[NUM_LEAVES] < 0 else NUM_CAT, "the key", "no such key")
        cdef int64_t n_leaves = self.single(NUM_LEAVES, 0, 1, 2**31 - 1)
        cdef int64_t n_sets = self.single(NUM_CAT, 0, 0, 2**31 - 1)
        cdef bint is_linear = self.single(IS_LINEAR, 0, 0, 1)
        self.check_lengths(n_leaves, n_sets)
        self.add_category_sets(forest, n_sets)
        self.add_nodes(forest, n_leaves - 1, n_sets)
        forest.leaf_value.insert(
            forest.leaf_value.end(), self.double_list(LEAF_VALUE).begin(), self.double_list(LEAF_VALUE).end()
        )
        forest.leaf_begin.push_back(forest.leaf_value.size())
        if is_linear:
            self.add_linear_leaves(forest, n_leaves)
        forest.linear_begin.push_back(forest.linear_constant.size())
        problem = forest.check_tree(forest.tree_count() - 1, forest.set_begin.size() - 1)
        if problem is not None:
            key, expected, got = problem
            raise self.error(TREE_KEYS[key.encode()][0], expected, got)

    cdef add_category_sets(self, Forest forest, int64_t n_sets):
        cdef int64_t i, base = forest.set_words.size()
        cdef vector[int32_t]* boundaries = &self.integers[CAT_BOUNDARIES]
        if not n_sets:
            return
        if boundaries[0][0] != 0:
            raise self.error(CAT_BOUNDARIES, "0 at the start", str(boundaries[0][0]))
        for i in range(n_sets):
            if boundaries[0][i + 1] < boundaries[0][i]:
                raise self.error(
                    CAT_BOUNDARIES, "numbers that never fall", f"{boundaries[0][i + 1]} after {boundaries[0][i]}"
                )
            forest.set_begin.push_back(base + boundaries[0][i + 1])
        forest.set_words.insert(forest.set_words.end(), self.words.begin(), self.words.end())

    cdef add_nodes(self, Forest forest, int64_t n_nodes, int64_t n_sets):
        cdef int64_t i, base = forest.nodes.size(), first_set = forest.set_begin.size() - 1 - n_sets
        cdef Node* node
        cdef int32_t decision
        forest.nodes.resize(base + n_nodes)  # new nodes are all zero
        for i in range(n_nodes):
            node = &forest.nodes[base + i]
            node.threshold = self.double_list(THRESHOLD)[0][i]
            node.feature = self.integers[SPLIT_FEATURE][i]
            node.left = self.integers[LEFT_CHILD][i]
            node.right = self.integers[RIGHT_CHILD][i]
            decision = self.integers[DECISION_TYPE][i] if self.lengths[DECISION_TYPE] > 0 else 0
            if not 0 <= decision < MISSING_TYPE:
                raise self.error(
                    DECISION_TYPE, "bits 0 to 3 with a missing type of None, Zero or NaN", str(decision)
                )
            if not n_sets:
                decision &= ~CATEGORICAL  # LightGBM treats every split of a tree without category sets as numerical
            elif decision & CATEGORICAL:
                if not 0 <= node.threshold < n_sets or node.threshold != <double> <int64_t> node.threshold:
                    raise self.error(THRESHOLD, f"a category set below {n_sets}", repr(node.threshold))
                node.threshold += first_set
            node.decision = decision
            node.weight = weight_of(self.counts[i]) if self.lengths[INTERNAL_COUNT] > 0 else 0
            if decision & MISSING_TYPE:
                node.nan_left = decision & DEFAULT_LEFT != 0
            else:
                node.nan_left = 0.0 <= node.threshold  # a NaN counts as zero where no missing type is set
        forest.node_begin.push_back(forest.nodes.size())

    cdef add_linear_leaves(self, Forest forest, int64_t n_leaves):
        cdef int64_t leaf, terms = forest.term_feature.size()
        cdef int32_t feature
        cdef bint has_constants = self.lengths[LEAF_CONST] > 0, has_terms = self.lengths[NUM_FEATURES] > 0
        for leaf in range(n_leaves):
            forest.linear_constant.push_back(self.double_list(LEAF_CONST)[0][leaf] if has_constants else 0.0)
            terms += self.integers[NUM_FEATURES][leaf] if has_terms else 0
            forest.term_begin.push_back(terms)
        for feature in self.integers[LEAF_FEATURES]:
            if not 0 <= feature < forest.n_features:
                raise self.error(LEAF_FEATURES, f"features from 0 to {forest.n_features - 1}", str(feature))
            forest.term_feature.push_back(feature)
        forest.term_coefficient.insert(
            forest.term_coefficient.end(), self.double_list(LEAF_COEFF).begin(), self.double_list(LEAF_COEFF).end()
        )


cdef const char* pass_number(const char* at, const char* end) noexcept nogil:
    """Step over the characters of a number that nobody reads: digits, sign, point, exponent, or inf and nan."""
    while at < end and (b"0" <= at[0] <= b"9" or at[0] in b"+-.einfatyEINFATY"):
        at += 1
    return at


cdef float count_of(const char* at, const char* end) noexcept nogil:
    """The digits that a number begins with."""
    cdef float count = 0.0
    while at < end and b"0" <= at[0] <= b"9":
        count = 10 * count + (at[0] - c"0")
        at += 1
    return count
