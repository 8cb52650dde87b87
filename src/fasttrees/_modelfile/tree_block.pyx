"""Read one tree block of a model file and append it to the forest, proved.

The keys of trees and what they hold come from :data:`fasttrees._modelfile.keys.TREE_KEYS`. All this runs without the
GIL until there is an error to raise.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp
from libcpp.vector cimport vector

from fasttrees._modelfile.cursor cimport Cursor, shown
from fasttrees._engine.forest cimport CATEGORICAL, MISSING_TYPE, SOUND, Flaw, Forest, Node, weight_of
from fasttrees._textio.decimals cimport word_to_int32, word_to_uint32
from fasttrees._textio.lines cimport (
    CHUNK, count_words, ends_line, first_bit, is_line_end, is_of_number, is_word_end, separators,
)
from fasttrees._textio.numbers cimport PARSED, parse_double, parse_int32, parse_uint32

from fasttrees._modelfile.keys import TREE_KEYS
from fasttrees.errors import ModelFormatError

# How the numbers of a key are read, by their type, and what the length of a list is, by what it has one number for.
KINDS = {"int32": INTEGERS, "uint32": WORDS, "double": DOUBLES, "count": COUNTS}
MEASURES = {
    "tree": ONE, "leaf": LEAVES, "linear leaf": LEAVES, "split": SPLITS, "category set": BOUNDARIES,
    "category word": CATEGORY_WORDS, "term": LINEAR_TERMS,
}
SLOTS = {key: slot for slot, key in enumerate(TREE_KEYS)}
KEY_NAMES = list(SLOTS)
KEY_BYTES = [key.encode() for key in KEY_NAMES]  # which tree_keys points to
KIND_NAMES = {INTEGERS: "a 32-bit integer", WORDS: "an unsigned 32-bit integer"}  # "a number" of all others
MEASURE_NAMES = {
    ONE: "one", LEAVES: "leaves", SPLITS: "splits", BOUNDARIES: "category sets + 1", CATEGORY_WORDS: "category words",
    LINEAR_TERMS: "linear terms",
}

cdef enum:
    ODD_COUNT = 0x100000000  # of a count that is no whole number

cdef TreeKey tree_keys[N_KEYS]  # TREE_KEYS, for use without the GIL
cdef bytes key_name
if len(TREE_KEYS) != N_KEYS:
    raise ImportError(f"expected {N_KEYS} keys of trees, got {len(TREE_KEYS)}")
for key_slot, (key_name, key_row) in enumerate(zip(KEY_BYTES, TREE_KEYS.values())):
    key_kind, key_measure, is_required, is_for_predictions = key_row
    key_kind = KINDS[key_kind] if is_for_predictions else UNUSED
    tree_keys[key_slot] = TreeKey(key_name, len(key_name), key_kind, MEASURES[key_measure], is_required)

ctypedef fused Number:
    int32_t
    uint32_t
    double
    int64_t  # a count: the digits that a number begins with, in 32 bits; and ODD_COUNT


cdef const char* read_count(const char* at, const char* end, int64_t* count) noexcept nogil:
    """Read the sign and the digits that a number begins with, and step over it; back to `at` if it is none.

    What 32 bits cannot hold loses its upper bits, as in LightGBM; a number that goes on is marked in bit 32.
    """
    cdef uint32_t digits = 0
    cdef bint is_negative = at < end and at[0] == b"-"
    if is_negative or (at < end and at[0] == b"+"):
        at += 1
    while at < end and b"0" <= at[0] <= b"9":
        digits = 10 * digits + (at[0] - c"0")
        at += 1
    count[0] = 0 - digits if is_negative else digits
    if at < end:
        count[0] |= ODD_COUNT
    while at < end and is_of_number(at[0]):
        at += 1
    return at


cdef inline bint read_word(
    const char* at, const char* word_end, const char* end, bint has_room, Number* number
) noexcept nogil:
    """Read a word that is one number from end to end; `has_room` if CHUNK bytes may be read from its start on."""
    cdef const char* stop = word_end
    cdef int status = PARSED
    cdef int32_t count
    if Number is int32_t:
        if not has_room or not word_to_int32(at, word_end, number):
            status = parse_int32(at, end, number, &stop)
    elif Number is uint32_t:
        if not has_room or not word_to_uint32(at, word_end, number):
            status = parse_uint32(at, end, number, &stop)
    elif Number is int64_t:
        if has_room and word_to_int32(at, word_end, &count):
            number[0] = <uint32_t> count
        else:
            stop = read_count(at, word_end, number)
    else:
        status = parse_double(at, end, number, &stop)
    return status == PARSED and stop == word_end


cdef const char* read_numbers(const char* at, const char* end, vector[Number]* numbers) except NULL nogil:
    """Read numbers up to the line's end; where reading ended: there, or at the word that is no such number."""
    cdef Number number
    cdef const char* word_end
    cdef const char* chunk = at
    cdef uint64_t bits
    # Where words end is found for many at once: so no word waits for the number before it.
    while end - chunk >= 2 * CHUNK:
        bits = separators(chunk)
        while bits:
            word_end = chunk + first_bit(bits)
            bits &= bits - 1
            if word_end > at:
                if (word_end[0] != b" " and not ends_line(word_end[0])) or (
                    not read_word(at, word_end, end, True, &number)
                ):
                    return at
                numbers.push_back(number)
            if word_end[0] != b" ":
                return word_end
            at = word_end + 1
        chunk += CHUNK
    while True:  # the end of the text is near
        while at < end and at[0] == b" ":
            at += 1
        word_end = at
        while not is_word_end(word_end, end):
            word_end += 1
        if word_end == at or not read_word(at, word_end, end, False, &number):
            return at
        numbers.push_back(number)
        at = word_end


cdef class TreeBlock:
    """The numbers of one tree block; the memory is used again for the next."""

    cdef void clear(self, Py_ssize_t number) noexcept nogil:
        cdef int slot
        self.number = number
        for slot in range(N_KEYS):
            self.lengths[slot] = -1
            self.integers[slot].clear()
            self.doubles[slot].clear()
            self.counts[slot].clear()
        self.words.clear()

    cdef error(self, int slot, str expected, str got):
        line = self.lines[slot] if self.lengths[slot] >= 0 else None
        return ModelFormatError(expected, got, self.number, KEY_NAMES[slot], line)

    cdef int take_key(self, Cursor cursor, int guess) except -1 nogil:
        """The key at which the cursor stands, and a step behind its '='; keys from `guess` on are tried first."""
        cdef const TreeKey* key
        cdef int i, slot
        cdef size_t left = cursor.end - cursor.at
        for i in range(N_KEYS):
            slot = (guess + i) % N_KEYS
            key = &tree_keys[slot]
            if left > key.size and cursor.at[key.size] == b"=" and memcmp(cursor.at, key.name, key.size) == 0:
                cursor.at += key.size + 1
                if self.lengths[slot] >= 0:
                    with gil:
                        raise ModelFormatError("the key once", "it again", self.number, KEY_NAMES[slot], cursor.line)
                return slot
        with gil:
            raise self.unknown_line(cursor)

    cdef unknown_line(self, Cursor cursor):
        line_number = cursor.line
        line = cursor.take_line()
        key, equals, _ = line.partition(b"=")
        if not equals:
            return ModelFormatError("a line key=value", shown(line), self.number, None, line_number)
        return ModelFormatError("a key of LightGBM's trees", shown(key), self.number, None, line_number)

    cdef int read_list(self, Cursor cursor, int slot) except -1 nogil:
        """Read the numbers up to the line's end: blanks between them, nothing else."""
        cdef int kind = tree_keys[slot].kind
        cdef int64_t length = 0
        if kind == INTEGERS:
            cursor.at = read_numbers[int32_t](cursor.at, cursor.end, &self.integers[slot])
            length = self.integers[slot].size()
        elif kind == DOUBLES:
            cursor.at = read_numbers[double](cursor.at, cursor.end, &self.doubles[slot])
            length = self.doubles[slot].size()
        elif kind == WORDS:
            cursor.at = read_numbers[uint32_t](cursor.at, cursor.end, &self.words)
            length = self.words.size()
        elif kind == COUNTS:
            cursor.at = read_numbers[int64_t](cursor.at, cursor.end, &self.counts[slot])
            length = self.counts[slot].size()
        else:
            cursor.at = count_words(cursor.at, cursor.end, &length)
        if not is_line_end(cursor.at, cursor.end):
            with gil:
                raise self.unknown_word(cursor, slot, length if kind == UNUSED else length + 1)
        self.lengths[slot] = length
        self.lines[slot] = cursor.line

    cdef unknown_word(self, Cursor cursor, int slot, int64_t place):
        return ModelFormatError(
            f"{KIND_NAMES.get(tree_keys[slot].kind, 'a number')} at place {place}", shown(cursor.word()), self.number,
            KEY_NAMES[slot], cursor.line,
        )

    cdef int read_block(self, Cursor cursor) except -1 nogil:
        """Read the lines below ``Tree=`` up to the first blank line."""
        cdef int slot = -1
        while not is_line_end(cursor.at, cursor.end):
            slot = self.take_key(cursor, slot + 1)
            self.read_list(cursor, slot)
            if cursor.at_end():
                with gil:
                    raise ModelFormatError(
                        "a line end", "the end of the file inside a tree", self.number, KEY_NAMES[slot], cursor.line
                    )
            cursor.pass_line_end()

    cdef int64_t single(self, int slot, int64_t default, int64_t low, int64_t high) except? -1 nogil:
        """The value of a key that holds one integer from `low` to `high`."""
        cdef int64_t value
        if self.lengths[slot] < 0:
            return default
        if self.lengths[slot] != 1:
            with gil:
                raise self.error(slot, "one integer", f"{self.lengths[slot]} numbers")
        value = self.integers[slot][0]
        if not low <= value <= high:
            with gil:
                raise self.error(
                    slot, f"an integer from {low}" + (f" to {high}" if high < 2**31 - 1 else ""), str(value)
                )
        return value

    cdef int check_lengths(self, int64_t n_leaves, int64_t n_sets) except -1 nogil:
        """Prove that each list that is there has its length, and that each list that must be there is."""
        cdef int64_t n_terms = 0, n_words = 0, got
        cdef int32_t count
        cdef int64_t lengths[N_MEASURES]
        cdef bint needed[N_MEASURES]
        cdef const TreeKey* key
        cdef int slot, measure
        for count in self.integers[NUM_FEATURES]:
            if count < 0:
                with gil:
                    raise self.error(NUM_FEATURES, "counts from 0", str(count))
            n_terms += count
        if self.integers[CAT_BOUNDARIES].size():
            n_words = self.integers[CAT_BOUNDARIES].back()
        lengths[ONE], lengths[LEAVES], lengths[SPLITS] = 1, n_leaves, n_leaves - 1
        lengths[BOUNDARIES] = n_sets + 1 if n_sets else 0
        lengths[CATEGORY_WORDS], lengths[LINEAR_TERMS] = n_words, n_terms
        for measure in range(N_MEASURES):
            needed[measure] = False
        needed[BOUNDARIES] = needed[CATEGORY_WORDS] = n_sets > 0
        needed[LINEAR_TERMS] = n_terms > 0
        for slot in range(N_KEYS):
            key = &tree_keys[slot]
            measure = key.measure
            got = self.lengths[slot]
            if got < 0:
                if needed[measure] or (key.required and not (measure == SPLITS and n_leaves == 1)):
                    with gil:
                        raise self.error(
                            slot, f"the key, with as many numbers as {MEASURE_NAMES[measure]}", "no such key"
                        )
            elif got == 0 and n_leaves == 1 and key.kind in (COUNTS, UNUSED):
                continue  # LightGBM leaves these empty in trees that training could not split
            elif got != lengths[measure]:
                with gil:
                    raise self.error(
                        slot, f"as many numbers as {MEASURE_NAMES[measure]} ({lengths[measure]})", str(got)
                    )

    cdef int add_to(self, Forest forest) except -1 nogil:
        """Append the tree to the forest, proved."""
        cdef int64_t n_leaves, n_sets
        cdef bint is_linear
        cdef Flaw flaw
        cdef vector[double]* leaf_value = &self.doubles[LEAF_VALUE]
        if self.lengths[NUM_LEAVES] < 0 or self.lengths[NUM_CAT] < 0:
            with gil:
                raise self.error(NUM_LEAVES if self.lengths[NUM_LEAVES] < 0 else NUM_CAT, "the key", "no such key")
        n_leaves = self.single(NUM_LEAVES, 0, 1, 2**31 - 1)
        n_sets = self.single(NUM_CAT, 0, 0, 2**31 - 1)
        is_linear = self.single(IS_LINEAR, 0, 0, 1)
        self.check_lengths(n_leaves, n_sets)
        self.add_category_sets(forest, n_sets)
        self.add_nodes(forest, n_leaves - 1, n_sets)
        forest.leaf_value.extend(leaf_value.data(), leaf_value.size())
        forest.leaf_begin.push_back(forest.leaf_value.size())
        self.add_counts(LEAF_COUNT, forest.leaf_count, forest.leaf_value.size())
        self.add_counts(INTERNAL_COUNT, forest.node_count, forest.nodes.size())
        if is_linear:
            self.add_linear_leaves(forest, n_leaves)
        forest.linear_begin.push_back(forest.linear_constant.size())
        if forest.find_flaw(forest.tree_count() - 1, &flaw) != SOUND:
            with gil:
                raise self.flaw_error(forest.describe_flaw(forest.tree_count() - 1))

    cdef flaw_error(self, tuple flaw):
        key, expected, got = flaw
        return self.error(SLOTS[key], expected, got)

    cdef int add_category_sets(self, Forest forest, int64_t n_sets) except -1 nogil:
        cdef int64_t i, base = forest.set_words.size()
        cdef vector[int32_t]* boundaries = &self.integers[CAT_BOUNDARIES]
        if not n_sets:
            return 0
        if boundaries[0][0] != 0:
            with gil:
                raise self.error(CAT_BOUNDARIES, "0 at the start", str(boundaries[0][0]))
        for i in range(n_sets):
            if boundaries[0][i + 1] < boundaries[0][i]:
                with gil:
                    raise self.error(
                        CAT_BOUNDARIES, "numbers that never fall", f"{boundaries[0][i + 1]} after {boundaries[0][i]}"
                    )
            forest.set_begin.push_back(base + boundaries[0][i + 1])
        forest.set_words.extend(self.words.data(), self.words.size())

    cdef int add_counts(self, int slot, Array[int32_t]& counts, size_t n) except -1 nogil:
        """Append a tree's counts, so that there are `n` in all; those that the model has not are 0."""
        cdef size_t i, first = counts.size()
        counts.resize(n)
        for i in range(self.counts[slot].size()):
            counts[first + i] = <int32_t> self.counts[slot][i]
            if self.counts[slot][i] & ODD_COUNT:
                break  # here LightGBM stops reading

    cdef int add_nodes(self, Forest forest, int64_t n_nodes, int64_t n_sets) except -1 nogil:
        cdef int64_t i, base = forest.nodes.size(), first_set = forest.set_begin.size() - 1 - n_sets
        cdef const double* thresholds = self.doubles[THRESHOLD].data()
        cdef const int32_t* features = self.integers[SPLIT_FEATURE].data()
        cdef const int32_t* left_children = self.integers[LEFT_CHILD].data()
        cdef const int32_t* right_children = self.integers[RIGHT_CHILD].data()
        cdef const int32_t* decisions = self.integers[DECISION_TYPE].data()
        cdef const int64_t* counts = self.counts[INTERNAL_COUNT].data()
        cdef bint has_decisions = self.lengths[DECISION_TYPE] > 0
        cdef Node* node
        cdef int32_t decision
        forest.nodes.resize(base + n_nodes)  # new nodes are all zero
        for i in range(n_nodes):
            node = &forest.nodes[base + i]
            node.threshold = thresholds[i]
            node.feature = features[i]
            node.left = left_children[i]
            node.right = right_children[i]
            decision = decisions[i] if has_decisions else 0
            if not 0 <= decision < MISSING_TYPE:
                with gil:
                    raise self.error(
                        DECISION_TYPE, "bits 0 to 3 with a missing type of None, Zero or NaN", str(decision)
                    )
            if not n_sets:
                decision &= ~CATEGORICAL  # LightGBM treats every split of a tree without category sets as numerical
            elif decision & CATEGORICAL:
                if not 0 <= node.threshold < n_sets or node.threshold != <double> <int64_t> node.threshold:
                    with gil:
                        raise self.error(THRESHOLD, f"a category set below {n_sets}", repr(node.threshold))
                node.threshold += first_set
            node.decision = decision
            node.weight = weight_of(max(<int32_t> counts[i], 0)) if self.lengths[INTERNAL_COUNT] > 0 else 0
        forest.node_begin.push_back(forest.nodes.size())

    cdef int add_linear_leaves(self, Forest forest, int64_t n_leaves) except -1 nogil:
        cdef int64_t leaf, terms = forest.term_feature.size()
        cdef int32_t feature
        cdef vector[double]* coefficients = &self.doubles[LEAF_COEFF]
        cdef bint has_constants = self.lengths[LEAF_CONST] > 0, has_terms = self.lengths[NUM_FEATURES] > 0
        for leaf in range(n_leaves):
            forest.linear_constant.push_back(self.doubles[LEAF_CONST][leaf] if has_constants else 0.0)
            terms += self.integers[NUM_FEATURES][leaf] if has_terms else 0
            forest.term_begin.push_back(terms)
        for feature in self.integers[LEAF_FEATURES]:
            if not 0 <= feature < forest.n_features:
                with gil:
                    raise self.error(LEAF_FEATURES, f"features from 0 to {forest.n_features - 1}", str(feature))
            forest.term_feature.push_back(feature)
        forest.term_coefficient.extend(coefficients.data(), coefficients.size())
