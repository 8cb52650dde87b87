"""Reads ``model.txt``: bytes in, a Forest and the facts around it out.

One pass over the bytes with one cursor; the tables below are the only place that knows the keys of the format. What
the reader accepts and refuses, and why, is written down in docs/model-format.md.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memchr, memcmp
from libcpp.vector cimport vector

from fasttrees._forest cimport CATEGORICAL, DEFAULT_LEFT, MISSING_TYPE, Forest, Node
from fasttrees._numbers cimport PARSED, OUT_OF_RANGE, parse_double, parse_int32, parse_uint32

import json

from fasttrees._objective import Objective
from fasttrees.errors import ModelFormatError

# How the value of a tree's key is read.
cdef enum:
    INTEGERS
    WORDS
    DOUBLES
    UNUSED  # numbers that predictions do not depend on: counted, not converted

# Where the numbers of a key are kept: one list for each key that is read.
cdef enum:
    NUM_LEAVES
    NUM_CAT
    IS_LINEAR
    SPLIT_FEATURE
    DECISION_TYPE
    LEFT_CHILD
    RIGHT_CHILD
    CAT_BOUNDARIES
    NUM_FEATURES
    LEAF_FEATURES
    CAT_THRESHOLD
    THRESHOLD
    LEAF_VALUE
    LEAF_CONST
    LEAF_COEFF
    SPLIT_GAIN
    LEAF_WEIGHT
    LEAF_COUNT
    INTERNAL_VALUE
    INTERNAL_WEIGHT
    INTERNAL_COUNT
    SHRINKAGE
    N_KEYS
    FIRST_DOUBLES = THRESHOLD
    N_INTEGER_LISTS = CAT_THRESHOLD
    N_DOUBLE_LISTS = SPLIT_GAIN - THRESHOLD

# Tree keys: list, way to read it, what its length is (see Tree.expected_length), and whether a tree with splits needs it.
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
    b"internal_count": (INTERNAL_COUNT, UNUSED, "splits", False),
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

HEADER_INTEGERS = (b"num_class", b"num_tree_per_iteration", b"label_index", b"max_feature_idx")
HEADER_KEYS = frozenset((
    b"version", *HEADER_INTEGERS, b"objective", b"average_output", b"feature_names", b"monotone_constraints",
    b"feature_infos", b"tree_sizes",
))
REQUIRED_HEADER_KEYS = (b"num_class", b"label_index", b"max_feature_idx", b"feature_names", b"feature_infos")
VERSIONS = (b"v2", b"v3", b"v4")

# Lines that end the trees. "feature importances:" is version 2's spelling.
TRAILER_STARTS = (
    b"end of trees", b"feature_importances:", b"feature importances:", b"parameters:", b"parser:",
    b"pandas_categorical:",
)


cdef str shown(bytes text):
    """Text of a file for an error message: one short line."""
    return repr(text[:60].decode("utf-8", "replace")) + (" ..." if len(text) > 60 else "")


cdef class Cursor:
    """A place in the file, and the number of its line."""
    cdef const char* start
    cdef const char* at
    cdef const char* end
    cdef size_t line
    cdef size_t carriage_returns  # of CRLF line ends so far: tree_sizes does not count them

    cdef bint at_end(self) noexcept:
        return self.at == self.end

    cdef bint at_line_end(self) noexcept:
        return self.at == self.end or self.at[0] == b"\n" or self.at[0] == b"\r"

    cdef bint starts_with(self, bytes prefix) noexcept:
        cdef size_t length = len(prefix)
        return <size_t> (self.end - self.at) >= length and memcmp(self.at, <const char*> prefix, length) == 0

    cdef size_t offset(self) noexcept:
        """Bytes so far, as LightGBM counted them: each line end is one byte."""
        return (self.at - self.start) - self.carriage_returns

    cdef void pass_line_end(self) noexcept:
        """Step over one line end, if the cursor stands at one: LF, CRLF or CR."""
        if self.at == self.end:
            return
        if self.at[0] == b"\r":
            self.at += 1
            if self.at < self.end and self.at[0] == b"\n":
                self.at += 1
                self.carriage_returns += 1
        else:
            self.at += 1
        self.line += 1

    cdef void pass_blank_lines(self) noexcept:
        while self.at < self.end and self.at_line_end():
            self.pass_line_end()

    cdef const char* find_line_end(self) noexcept:
        cdef const char* line_end = <const char*> memchr(self.at, b"\n", self.end - self.at)
        cdef const char* carriage_return
        if line_end == NULL:
            line_end = self.end
        carriage_return = <const char*> memchr(self.at, b"\r", line_end - self.at)
        return line_end if carriage_return == NULL else carriage_return

    cdef bytes take_line(self):
        """The rest of the line, without its end; the cursor moves to the next line."""
        cdef const char* line_end = self.find_line_end()
        line = self.at[:line_end - self.at]
        self.at = line_end
        self.pass_line_end()
        return line

    cdef bytes take_key(self):
        """Text up to the line's first '=', which is stepped over; None, and no step, if the line has none."""
        cdef const char* stop = self.at
        while stop < self.end and stop[0] != b"=" and stop[0] != b"\n" and stop[0] != b"\r":
            stop += 1
        if stop == self.end or stop[0] != b"=":
            return None
        key = self.at[:stop - self.at]
        self.at = stop + 1
        return key

    cdef bytes word(self):
        """The text between the blanks around the cursor, for an error message."""
        cdef const char* stop = self.at
        while stop < self.end and stop[0] != b" " and stop[0] != b"\n" and stop[0] != b"\r":
            stop += 1
        return self.at[:stop - self.at]


cdef class Tree:
    """The numbers of one tree block; the memory is used again for the next."""
    cdef Py_ssize_t number
    cdef vector[int32_t] integers[N_INTEGER_LISTS]
    cdef vector[uint32_t] words
    cdef vector[double] doubles[N_DOUBLE_LISTS]
    cdef int64_t lengths[N_KEYS]  # -1: the block has no such key
    cdef size_t lines[N_KEYS]

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
        while True:
            while cursor.at < cursor.end and cursor.at[0] == b" ":
                cursor.at += 1
            if cursor.at_line_end():
                break
            if kind == DOUBLES:
                status = parse_double(cursor.at, cursor.end, &number, &stop)
                self.double_list(slot).push_back(number)
            elif kind == INTEGERS:
                status = parse_int32(cursor.at, cursor.end, &integer, &stop)
                self.integers[slot].push_back(integer)
            elif kind == WORDS:
                status = parse_uint32(cursor.at, cursor.end, &word, &stop)
                self.words.push_back(word)
            else:
                stop = pass_number(cursor.at, cursor.end)
                status = PARSED if stop > cursor.at else OUT_OF_RANGE
            if status != PARSED or not (
                stop == cursor.end or stop[0] == b" " or stop[0] == b"\n" or stop[0] == b"\r"
            ):
                expected = {INTEGERS: "a 32-bit integer", WORDS: "an unsigned 32-bit integer"}.get(kind, "a number")
                raise ModelFormatError(
                    f"{expected} at place {length + 1}", shown(cursor.word()), self.number, KEY_NAMES[slot], cursor.line
                )
            cursor.at = stop
            length += 1
        self.lengths[slot] = length
        self.lines[slot] = cursor.line

    cdef read_block(self, Cursor cursor):
        """Read the lines below ``Tree=`` up to the first blank line."""
        while not cursor.at_line_end():
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
        for key, (slot, _, measure, required) in TREE_KEYS.items():
            got = self.lengths[slot]
            if got < 0:
                if measure in needed or (required and not (measure == "splits" and n_leaves == 1)):
                    raise self.error(slot, f"the key, with as many numbers as {measure}", "no such key")
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


cdef int64_t parse_integer(bytes text, bytes key, size_t line) except? -1:
    cdef const char* begin = text
    cdef const char* end = begin + len(text)
    cdef const char* stop
    cdef int32_t value
    while begin < end and begin[0] == b" ":
        begin += 1
    if parse_int32(begin, end, &value, &stop) != PARSED or stop != end:
        raise ModelFormatError("a 32-bit integer", shown(text), None, key.decode(), line)
    return value


cdef dict read_header(Cursor cursor):
    """Read the lines above the first tree: each key with its value and its line."""
    header = {}
    while not (cursor.at_end() or cursor.starts_with(b"Tree=") or starts_trailer(cursor)):
        line = cursor.line
        key, _, value = cursor.take_line().partition(b"=")
        if not key and not value:
            continue
        if key not in HEADER_KEYS:
            raise ModelFormatError("a key of LightGBM's header", shown(key), None, None, line)
        if key in header:
            raise ModelFormatError("the key once", "it again", None, key.decode(), line)
        header[key] = value, line
    return header


cdef bint starts_trailer(Cursor cursor):
    cdef bytes start
    for start in TRAILER_STARTS:
        if cursor.starts_with(start):
            return True
    return False


cdef dict read_trailer(Cursor cursor):
    """Read what follows the trees: the training parameters and pandas' categories, kept; the rest has no meaning here."""
    trailer = {"parameters": None, "pandas_categorical": None}
    while not cursor.at_end():
        line_number = cursor.line
        line = cursor.take_line()
        if line == b"parameters:":
            trailer["parameters"] = take_section(cursor, b"end of parameters", "parameters", line_number)
        elif line == b"parser:":
            take_section(cursor, b"end of parser", "parser", line_number)
        elif line.startswith(b"pandas_categorical:"):
            try:
                trailer["pandas_categorical"] = json.loads(line.partition(b":")[2])
            except ValueError as error:
                raise ModelFormatError("JSON", str(error), None, "pandas_categorical", line_number) from error
    return trailer


cdef str take_section(Cursor cursor, bytes last, str name, size_t line_number):
    lines = []
    while not cursor.at_end():
        line = cursor.take_line()
        if line == last:
            return "\n".join(lines)
        lines.append(line.decode("utf-8", "surrogateescape"))
    raise ModelFormatError(f"'{last.decode()}' after it", "the end of the file", None, name, line_number)


cdef check_header(dict header, Py_ssize_t file_size):
    """Read the integers of the header and prove the counts that it states; the rest of its values are text."""
    for key in REQUIRED_HEADER_KEYS:
        if key not in header:
            raise ModelFormatError("the key in the header", "no such key", None, key.decode())
    if b"version" in header and header[b"version"][0] not in VERSIONS:
        value, line = header[b"version"]
        raise ModelFormatError("version v2, v3 or v4", shown(value), None, "version", line)
    header.setdefault(b"num_tree_per_iteration", header[b"num_class"])
    numbers = {key: parse_integer(header[key][0], key, header[key][1]) for key in HEADER_INTEGERS}
    n_classes = numbers[b"num_class"]
    if not 1 <= n_classes <= file_size:  # every class needs a tree
        raise ModelFormatError("a number of classes from 1", str(n_classes), None, "num_class", header[b"num_class"][1])
    if numbers[b"num_tree_per_iteration"] != n_classes:
        raise ModelFormatError(f"{n_classes}, as num_class says", str(numbers[b"num_tree_per_iteration"]), None,
                               "num_tree_per_iteration", header[b"num_tree_per_iteration"][1])
    n_features = numbers[b"max_feature_idx"] + 1
    for key in (b"feature_names", b"feature_infos", b"monotone_constraints"):
        if key in header:
            value, line = header[key]
            items = [item for item in value.split(b" ") if item]
            if len(items) != n_features:
                raise ModelFormatError(f"{n_features} items, as max_feature_idx says", str(len(items)), None,
                                       key.decode(), line)
            header[key] = [item.decode("utf-8", "surrogateescape") for item in items], line
    return n_classes, n_features


cdef list read_tree_sizes(dict header):
    value, line = header[b"tree_sizes"]
    return [parse_integer(item, b"tree_sizes", line) for item in value.split(b" ") if item]


cdef read_trees(Cursor cursor, Forest forest, dict header):
    """Read the tree blocks and prove that each has the size that the header states."""
    cdef Tree tree = Tree()
    cdef Py_ssize_t number = 0
    cdef size_t begin
    sizes = read_tree_sizes(header) if b"tree_sizes" in header else None
    while cursor.starts_with(b"Tree="):
        line = cursor.line
        begin = cursor.offset()
        cursor.take_line()
        tree.clear(number)
        tree.read_block(cursor)
        tree.add_to(forest)
        text_size = cursor.offset() - begin
        cursor.pass_blank_lines()
        size = cursor.offset() - begin
        if sizes is not None and number < len(sizes):
            # Blank lines behind the last tree may be the writer's way to set its trailer apart.
            if not (size == sizes[number] or text_size <= sizes[number] < size and not cursor.starts_with(b"Tree=")):
                raise ModelFormatError(f"{sizes[number]} bytes, as tree_sizes says", str(size), number, None, line)
        number += 1
        if not (cursor.at_end() or cursor.starts_with(b"Tree=") or starts_trailer(cursor)):
            raise ModelFormatError("the next tree or 'end of trees'", shown(cursor.take_line()), number - 1, None,
                                   cursor.line - 1)
    if sizes is not None and len(sizes) != number:
        raise ModelFormatError(f"{len(sizes)} trees, as tree_sizes says", str(number), None, "tree_sizes",
                               header[b"tree_sizes"][1])
    if number % forest.n_classes:
        raise ModelFormatError(f"{forest.n_classes} trees in every iteration", f"{number} trees in all")


def read_model(bytes data not None):
    """Read a model.

    Parameters
    ----------
    data : bytes
        The whole content of a ``model.txt``.

    Returns
    -------
    forest : Forest
    objective : Objective
    facts : dict
        ``version``, ``average_output``, ``label_index``, ``feature_names``, ``feature_infos``, ``parameters``,
        ``pandas_categorical``.

    Raises
    ------
    ModelFormatError
        If anything in the file is not as LightGBM writes it.
    """
    cdef Cursor cursor = Cursor()
    cursor.start = cursor.at = data
    cursor.end = cursor.start + len(data)
    cursor.line = 1
    cursor.pass_blank_lines()
    line = cursor.line
    first = cursor.take_line()
    if first != b"tree":
        raise ModelFormatError("'tree', the first line of a LightGBM model", shown(first), None, None, line)
    header = read_header(cursor)
    n_classes, n_features = check_header(header, len(data))
    text = header[b"objective"][0].decode("utf-8", "replace") if b"objective" in header else None
    objective = Objective(text, n_classes)
    forest = Forest(n_features, n_classes)
    read_trees(cursor, forest, header)
    trailer = read_trailer(cursor)
    facts = {
        "version": header[b"version"][0].decode() if b"version" in header else None,
        "average_output": b"average_output" in header,
        "label_index": parse_integer(header[b"label_index"][0], b"label_index", header[b"label_index"][1]),
        "feature_names": header[b"feature_names"][0],
        "feature_infos": header[b"feature_infos"][0],
        **trailer,
    }
    return forest, objective, facts
