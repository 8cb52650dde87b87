"""Read ``model.txt``: bytes in; a forest, its objective and the header out.

One pass over the bytes; where there are many, threads read ranges of trees at the same time. What the reader accepts
and refuses, and why, is written down in docs/reference/model-format.md.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libcpp.vector cimport vector

from fasttrees._modelfile.cursor cimport Cursor, shown
from fasttrees._engine.forest cimport Forest
from fasttrees._textio.numbers cimport PARSED, parse_int32
from fasttrees._modelfile.tree_block cimport TreeBlock

import os
from bisect import bisect_left, bisect_right
from itertools import accumulate

from fasttrees._engine.objective import Objective
from fasttrees._modelfile import keys
from fasttrees._modelfile.header import ModelHeader
from fasttrees._runtime.threads import available_cpus, run_ranges
from fasttrees.errors import ModelFormatError

cdef enum:
    LEAF_SIZE = 64        # bytes that a leaf and its split take in a file, or more
    PIECE_SIZE = 1 << 19  # bytes of trees that are worth a thread, and that it reads from a file at once

HEADER_INTEGERS = tuple(key.encode() for key in keys.HEADER_INTEGERS)
HEADER_KEYS = frozenset(key.encode() for key in keys.HEADER_KEYS)
REQUIRED_HEADER_KEYS = tuple(key.encode() for key in keys.REQUIRED_HEADER_KEYS)
VERSIONS = tuple(version.encode() for version in keys.VERSIONS)

# Lines that end the trees. "feature importances:" is version 2's spelling.
TRAILER_STARTS = (
    b"end of trees", b"feature_importances:", b"feature importances:", b"parameters:", b"parser:",
    b"pandas_categorical:",
)


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
    while not (cursor.at_end() or starts_tree(cursor) or starts_trailer(cursor)):
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


cdef bint starts_trailer(Cursor cursor) noexcept with gil:
    cdef bytes start
    for start in TRAILER_STARTS:
        if cursor.starts_with(start, len(start)):
            return True
    return False


cdef inline bint starts_tree(Cursor cursor) noexcept nogil:
    return cursor.starts_with(b"Tree=", 5)


cdef dict read_trailer(Cursor cursor):
    """Read what follows the trees: training parameters and pandas' categories are kept, the rest is passed over."""
    trailer = {"parameters": None, "pandas_categorical": None}
    while not cursor.at_end():
        line_number = cursor.line
        line = cursor.take_line()
        if line == b"parameters:":
            trailer["parameters"] = take_section(cursor, b"end of parameters", "parameters", line_number)
        elif line == b"parser:":
            take_section(cursor, b"end of parser", "parser", line_number)
        elif line.startswith(b"pandas_categorical:"):
            trailer["pandas_categorical"] = read_categories(line.partition(b":")[2], line_number)
    return trailer


cdef list read_categories(bytes text, size_t line):
    """Read the categories of each category column of a pandas data frame; None if there was no data frame."""
    if text.strip() == b"null":
        return None
    try:
        import json  # here, because few models need it, and it takes longer to import than this package

        categories = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError("JSON", str(error), None, "pandas_categorical", line) from error
    if not (isinstance(categories, list) and all(isinstance(column, list) for column in categories)):
        raise ModelFormatError("null or a list of lists", shown(text), None, "pandas_categorical", line)
    return categories


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


cdef class TreeReader:
    """Reads tree blocks into a forest of their own and proves that each has the size that the header states."""
    cdef Cursor cursor
    cdef Forest forest
    cdef TreeBlock tree
    cdef vector[int64_t] sizes  # by tree; empty if the header states none

    def __init__(self, Cursor cursor, Forest forest, list sizes):
        self.cursor = cursor
        self.forest = forest
        self.tree = TreeBlock()
        self.sizes = sizes

    cdef go_on(self, Cursor cursor):
        """Go on with a piece of text that follows."""
        if self.cursor is not None:
            cursor.line = self.cursor.line
        self.cursor = cursor

    cdef join(self, list parts):
        """Append what the readers of consecutive parts have read."""
        cdef TreeReader part
        cdef size_t line = self.cursor.line
        for part in parts:
            line += part.cursor.line - 1
            self.cursor = part.cursor
        self.cursor.line = line
        self.forest.append_all([(<TreeReader> part).forest for part in parts])

    cdef Py_ssize_t read(self, Py_ssize_t first, Py_ssize_t last) except -1 nogil:
        """Read from tree `first` to before tree `last`, or to the last that there is; the number of the next."""
        cdef Py_ssize_t number = first
        cdef size_t line
        cdef int64_t begin, text_size, size
        while number < last and starts_tree(self.cursor):
            line = self.cursor.line
            begin = self.cursor.offset()
            self.cursor.pass_line()
            self.tree.clear(number)
            self.tree.read_block(self.cursor)
            self.tree.add_to(self.forest)
            text_size = self.cursor.offset() - begin
            self.cursor.pass_blank_lines()
            size = self.cursor.offset() - begin
            # Blank lines behind the last tree may be the writer's way to set its trailer apart.
            if number < <Py_ssize_t> self.sizes.size() and size != self.sizes[number] and not (
                text_size <= self.sizes[number] < size and not starts_tree(self.cursor)
            ):
                with gil:
                    raise ModelFormatError(
                        f"{self.sizes[number]} bytes, as tree_sizes says", str(size), number, None, line
                    )
            number += 1
            if not (self.cursor.at_end() or starts_tree(self.cursor) or starts_trailer(self.cursor)):
                with gil:
                    raise ModelFormatError("the next tree or 'end of trees'", shown(self.cursor.take_line()),
                                           number - 1, None, self.cursor.line - 1)
        return number


def read_in_parts(TreeReader reader, file, Py_ssize_t file_size):
    """Read the trees in several threads, if the header is right about where they stand.

    Returns whether that went well; the reader then stands behind the trees. If it did not, because of any flaw or
    because the trees are too few to divide, nothing has been read: one thread may read up to the first flaw.

    Parameters
    ----------
    reader : TreeReader
        At the first tree.
    file : int or None
        The file's descriptor if the reader has the beginning of the text only.
    file_size : int
    """
    cdef list sizes = reader.sizes
    cdef Py_ssize_t text_size = sum(sizes)
    cdef Py_ssize_t n_parts = text_size // PIECE_SIZE
    if n_parts > 0:
        n_parts = min(available_cpus(), n_parts)
    if n_parts < (2 if file is None else 1) or min(sizes) < 1:
        return False
    cdef list begins = list(accumulate(sizes, initial=reader.cursor.at - reader.cursor.start))
    if begins[len(sizes)] > file_size:
        return False
    steps = [begins[0] + text_size * i // n_parts for i in range(1, n_parts)]
    bounds = sorted({0, *(bisect_left(begins, step) for step in steps), len(sizes)})
    begins[len(sizes)] = file_size  # the last piece goes on to the end of the file
    parts = {}

    def read_part(Py_ssize_t first, Py_ssize_t last):
        cdef TreeReader part = TreeReader(None, Forest(reader.forest.n_features, reader.forest.n_classes), sizes)
        cdef Py_ssize_t begin = first, end = last, number
        part.forest.reserve((begins[last] - begins[first]) // LEAF_SIZE)
        while begin < last:
            if file is None:
                part.go_on(Cursor(reader.cursor.data, begins[begin], begins[end]))
            else:
                end = min(last, max(begin + 1, bisect_right(begins, begins[begin] + PIECE_SIZE) - 1))
                piece = os.pread(file, begins[end] - begins[begin], begins[begin])
                if len(piece) < begins[end] - begins[begin]:
                    return  # the file has shrunk, or its system gives less at a time
                part.go_on(Cursor(piece))
            with nogil:
                number = part.read(begin, end)
            if number < end or (not part.cursor.at_end() if end < len(sizes) else starts_tree(part.cursor)):
                return
            begin = end
        parts[first] = part

    try:
        run_ranges(read_part, list(zip(bounds, bounds[1:])), n_parts)
    except ModelFormatError:
        return False
    if len(parts) < len(bounds) - 1:
        return False
    reader.join([parts[first] for first in bounds[:len(bounds) - 1]])
    return True


cdef tuple read(Cursor cursor, file, Py_ssize_t file_size):
    """Read a model from its text, or from a file of which the cursor has the beginning: then None if that fails."""
    cursor.pass_blank_lines()
    line = cursor.line
    first = cursor.take_line()
    if first != b"tree":
        raise ModelFormatError("'tree', the first line of a LightGBM model", shown(first), None, None, line)
    header = read_header(cursor)
    n_classes, n_features = check_header(header, file_size)
    text = header[b"objective"][0].decode("utf-8", "replace") if b"objective" in header else None
    objective = Objective(text, n_classes)
    cdef TreeReader reader = TreeReader(cursor, Forest(n_features, n_classes), read_tree_sizes(header))
    cdef Py_ssize_t number
    if read_in_parts(reader, file, file_size):
        number = reader.sizes.size()
    elif file is not None:
        return None
    else:
        with nogil:
            number = reader.read(0, file_size)
        reader.forest.shrink()
    check_tree_count(reader, number, header)
    trailer = read_trailer(reader.cursor)
    return reader.forest, objective, ModelHeader(
        version=header[b"version"][0].decode() if b"version" in header else None,
        average_output=b"average_output" in header,
        feature_names=tuple(header[b"feature_names"][0]),
        feature_infos=tuple(header[b"feature_infos"][0]),
        label_index=parse_integer(header[b"label_index"][0], b"label_index", header[b"label_index"][1]),
        **trailer,
    )


cdef list read_tree_sizes(dict header):
    text, line = header.get(b"tree_sizes", (b"", None))
    return [parse_integer(item, b"tree_sizes", line) for item in text.split(b" ") if item]


cdef check_tree_count(TreeReader reader, Py_ssize_t number, dict header):
    cdef int n_classes = reader.forest.n_classes
    if reader.cursor.at_end() and (not number or b"tree_sizes" not in header):
        # Without either, a file that was cut between two trees would look whole.
        raise ModelFormatError("another tree or 'end of trees'", "the end of the file", None, None, reader.cursor.line)
    if b"tree_sizes" in header and <Py_ssize_t> reader.sizes.size() != number:
        line = header[b"tree_sizes"][1]
        raise ModelFormatError(
            f"{reader.sizes.size()} trees, as tree_sizes says", str(number), None, "tree_sizes", line
        )
    if number % n_classes:
        raise ModelFormatError(f"{n_classes} trees in every iteration", f"{number} trees in all")


def read_model(bytes data not None, size=None):
    """Read a model.

    Parameters
    ----------
    data : bytes
        The whole content of a ``model.txt``.
    size : int or None
        Bytes of the file where that is more: one that holds the trees in another form.

    Returns
    -------
    forest : Forest
    objective : Objective
    header : ModelHeader

    Raises
    ------
    ModelFormatError
        If anything in the file is not as LightGBM writes it.
    """
    return read(Cursor(data), None, len(data) if size is None else size)


def read_model_file(file):
    """Read a model from a file: a large one piece by piece, so that its text is never in memory as a whole.

    Parameters
    ----------
    file : binary file, at its start

    Returns
    -------
    forest, objective, header
        As :func:`read_model` does.

    Raises
    ------
    ModelFormatError
        If anything in the file is not as LightGBM writes it.
    OSError
        If the file cannot be read.
    """
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    if size >= 2 * PIECE_SIZE:
        try:
            model = read(Cursor(os.pread(descriptor, PIECE_SIZE, 0)), descriptor, size)
            if model is not None:
                return model
        except ModelFormatError:
            pass  # what is wrong with the file, if anything, is found in its whole text
    return read_model(file.read())
