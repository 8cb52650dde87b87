"""Reads ``model.txt``: bytes in, a Forest and the facts around it out.

One pass over the bytes with one cursor. What the reader accepts and refuses, and why, is written down in
docs/model-format.md.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t

from fasttrees._cursor cimport Cursor, shown
from fasttrees._forest cimport Forest
from fasttrees._numbers cimport PARSED, parse_int32
from fasttrees._tree_block cimport TreeBlock

from fasttrees._objective import Objective
from fasttrees.errors import ModelFormatError

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
        import json  # here, for few models need it, and to import it takes longer than to import this package

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


cdef list read_tree_sizes(dict header):
    value, line = header[b"tree_sizes"]
    return [parse_integer(item, b"tree_sizes", line) for item in value.split(b" ") if item]


cdef read_trees(Cursor cursor, Forest forest, dict header):
    """Read the tree blocks and prove that each has the size that the header states."""
    cdef TreeBlock tree = TreeBlock()
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
    if not number and cursor.at_end():
        raise ModelFormatError("trees, or 'end of trees' without any", "the end of the file", None, None, cursor.line)
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
        ``version``, ``average_output``, ``feature_names``, ``feature_infos``, ``parameters``, ``pandas_categorical``.

    Raises
    ------
    ModelFormatError
        If anything in the file is not as LightGBM writes it.
    """
    cdef Cursor cursor = Cursor(data)
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
        "feature_names": header[b"feature_names"][0],
        "feature_infos": header[b"feature_infos"][0],
        **trailer,
    }
    return forest, objective, facts
