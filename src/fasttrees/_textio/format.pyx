"""Numbers to text: delimited rows, and records with text around their fields. No numpy, and no GIL while it works."""
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from libcpp.vector cimport vector

from fasttrees._textio.numbers cimport format_double, format_int32

from fasttrees._textio.dialect import delimiter_byte
from fasttrees.errors import InputError, InputTypeError

cdef enum:
    FORMATTED_ROOM = 32  # what format_double asks for
    DOUBLE_LENGTH = 24   # of -2.2250738585072014e-308
    INT32_LENGTH = 11


cdef struct Text:
    const char* begin
    Py_ssize_t length


cdef struct Field:
    Text before
    const char* values
    Py_ssize_t width  # values of a row
    bint is_int32


def format_rows(values, Py_ssize_t n_rows, str delimiter not None=","):
    """Write numbers as delimited text, each row ended by a line feed.

    Parameters
    ----------
    values : C-contiguous buffer, n_rows * k items
        Format ``d`` (written with the shortest digits that read back to the same double; ``nan``, ``inf``, ``-inf``)
        or ``i`` (int32).
    n_rows : int
    delimiter : str, default ","
        One of :data:`fasttrees._textio.dialect.DELIMITERS`.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the number of items is no multiple of the number of rows.
    InputTypeError
        If the items are of another format.
    """
    delimiter_byte(delimiter)
    return format_records([values], [b"", b"\n"], n_rows, delimiter.encode())


def format_records(fields, texts, Py_ssize_t n_rows, bytes separator not None, bint json=False):
    """Write numbers as records, one a row: a text, the first field, a text, the next field, and so on to a last text.

    Parameters
    ----------
    fields : sequence of C-contiguous buffers, each of n_rows * k items
        Formats as in :func:`format_rows`; each field has a k of its own.
    texts : sequence of bytes, one more than fields
        What stands before each field, and behind the last.
    n_rows : int
    separator : bytes
        What stands between the values of one field.
    json : bool, default False
        Write what is no number of JSON as ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

    Returns
    -------
    bytes

    Raises
    ------
    InputError, InputTypeError
        As :func:`format_rows`.
    """
    cdef vector[Field] records
    cdef Field field
    cdef Text between = text_of(separator), last
    cdef Py_ssize_t size, n_items, room = FORMATTED_ROOM
    cdef char* output
    cdef char* at
    if len(texts) != len(fields) + 1:
        raise InputError(f"expected {len(fields) + 1} texts around {len(fields)} fields, got {len(texts)}")
    views = [memoryview(values) for values in fields]  # hold the buffers, as `fields` and `texts` hold their items
    for view, text in zip(views, texts):
        if view.format not in ("d", "i") or not view.c_contiguous:
            raise InputTypeError(
                f"expected a contiguous buffer of format 'd' or 'i' (float64, int32), got {view.format!r}"
            )
        n_items = view.nbytes // view.itemsize
        if n_rows < 0 or (n_items % n_rows if n_rows else n_items):
            raise InputError(f"expected as many items in each of {n_rows} rows, got {n_items} in all")
        field.before = text_of(text)
        field.values = <const char*> PyMemoryView_GET_BUFFER(view).buf
        field.width = n_items // n_rows if n_rows else 0
        field.is_int32 = view.format == "i"
        records.push_back(field)
        size = INT32_LENGTH if field.is_int32 else DOUBLE_LENGTH
        room += n_rows * field.before.length + n_items * (size + between.length)
    last = text_of(texts[len(texts) - 1])
    output = <char*> malloc(room + n_rows * last.length)
    if output == NULL:
        raise MemoryError
    try:
        with nogil:
            at = write_records(records, last, between, n_rows, json, output)
        return output[:at - output]
    finally:
        free(output)


cdef Text text_of(bytes text):
    cdef Text found
    found.begin, found.length = text, len(text)
    return found


cdef inline char* write_text(char* at, Text text) noexcept nogil:
    if text.length == 1:  # most are, in CSV
        at[0] = text.begin[0]
    elif text.length:
        memcpy(at, text.begin, text.length)
    return at + text.length


cdef inline char* write_number(char* at, double value, bint json) noexcept nogil:
    if value - value == 0:
        return format_double(at, at + FORMATTED_ROOM, value)
    if value != value:  # to_chars shows the sign of a NaN
        return write_text(at, Text(b'"NaN"', 5) if json else Text(b"nan", 3))
    if value > 0:
        return write_text(at, Text(b'"Infinity"', 10) if json else Text(b"inf", 3))
    return write_text(at, Text(b'"-Infinity"', 11) if json else Text(b"-inf", 4))


cdef char* write_records(
    const vector[Field]& fields, Text last, Text separator, Py_ssize_t n_rows, bint json, char* at
) noexcept nogil:
    cdef Py_ssize_t i, j, k
    cdef Field field
    for i in range(n_rows):
        for k in range(<Py_ssize_t> fields.size()):
            field = fields[k]
            at = write_text(at, field.before)
            for j in range(i * field.width, (i + 1) * field.width):
                if j > i * field.width:
                    at = write_text(at, separator)
                if field.is_int32:
                    at = format_int32(at, at + FORMATTED_ROOM, (<const int32_t*> field.values)[j])
                else:
                    at = write_number(at, (<const double*> field.values)[j], json)
        at = write_text(at, last)
    return at
