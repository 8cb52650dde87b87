"""JSON and LibSVM text to rows of doubles, as far as it is plain: the quick half of two readers, without the GIL.

What is anything but numbers in their places, errors included, is left to the readers in Python: a row that is read here
is one that they would read the same.
"""
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport NAN
from libc.string cimport memcmp
from libcpp.vector cimport vector

from fasttrees._textio.cells cimport starts_number
from fasttrees._textio.numbers cimport PARSED, parse_double


def read_json_rows(text, Py_ssize_t at, Py_ssize_t n_columns, bint as_lines):
    """Read rows ``[1.5, null, ...]``.

    Parameters
    ----------
    text : str or bytes
    at : int
        Where the first row begins.
    n_columns : int
        How many numbers each row has.
    as_lines : bool
        Whether each row is a line, instead of commas standing between them.

    Returns
    -------
    tuple of bytes and int
        The rows as doubles, and where the last of them ends: behind its bracket, or its line end.
    """
    cdef const char* begin
    cdef const char* end
    cdef const char* stop
    cdef Py_ssize_t size
    cdef vector[double] rows
    if isinstance(text, str):
        if not text.isascii():
            return b"", at  # places in it are not those of bytes
        begin = PyUnicode_AsUTF8AndSize(text, &size)
    else:
        begin, size = text, len(text)
    end = begin + size
    with nogil:
        stop = pass_json_rows(begin + at, end, n_columns, as_lines, rows)
    return as_bytes(rows), stop - begin


def read_libsvm_rows(bytes text not None, Py_ssize_t at, Py_ssize_t n_columns, Py_ssize_t base, Py_ssize_t max_rows):
    """Read lines ``label index:value ...``, the label optional; what a line does not name is 0.

    Parameters
    ----------
    text : bytes
    at : int
        Where the first line begins.
    n_columns : int
    base : int
        Index of the first column.
    max_rows : int
        How many lines to read at most: a short line may be a row of many columns.

    Returns
    -------
    tuple of bytes and int
        The rows as doubles, and where the last of their lines ends.
    """
    cdef const char* begin = text
    cdef const char* end = begin + len(text)
    cdef const char* stop
    cdef vector[double] rows
    with nogil:
        stop = pass_libsvm_rows(begin + at, end, n_columns, base, max_rows, rows)
    return as_bytes(rows), stop - begin


cdef bytes as_bytes(const vector[double]& rows):
    return (<const char*> rows.data())[:rows.size() * sizeof(double)] if rows.size() else b""


cdef const char* pass_json_rows(
    const char* at, const char* end, Py_ssize_t n_columns, bint as_lines, vector[double]& rows
) noexcept nogil:
    cdef const char* begin = at
    cdef const char* stop
    cdef char between = 10 if as_lines else 44  # LF or comma; a choice between literals would need the GIL
    cdef size_t size
    while True:
        size = rows.size()
        rows.resize(size + n_columns)
        stop = pass_json_row(pass_json_blanks(begin, end, as_lines), end, n_columns, as_lines, rows.data() + size)
        if stop != NULL:
            begin = pass_json_blanks(stop, end, as_lines)
            if not as_lines:
                at = stop
            elif begin < end and begin[0] == b"\n":
                at = begin + 1
            else:
                stop = NULL
        if stop == NULL:
            rows.resize(size)
            return at
        if begin == end or begin[0] != between:
            return at
        begin += 1


cdef const char* pass_json_row(
    const char* at, const char* end, Py_ssize_t n_columns, bint as_lines, double* row
) noexcept nogil:
    """Read one row; NULL if it is not plain."""
    cdef const char* stop
    cdef const char* parsed
    cdef Py_ssize_t i
    if at == end or at[0] != b"[":
        return NULL
    for i in range(n_columns):
        at = pass_json_blanks(at + 1, end, as_lines)
        if end - at >= 4 and memcmp(at, b"null", 4) == 0:
            row[i] = NAN
            at += 4
        else:
            stop = pass_json_number(at, end)
            if stop == NULL or parse_double(at, end, row + i, &parsed) != PARSED or parsed != stop:
                return NULL
            at = stop
        at = pass_json_blanks(at, end, as_lines)
        if at == end or (at[0] != b"]" if i == n_columns - 1 else at[0] != b","):
            return NULL
    return at + 1


cdef inline const char* pass_json_blanks(const char* at, const char* end, bint as_lines) noexcept nogil:
    while at < end and (at[0] == b" " or at[0] == b"\t" or at[0] == b"\r" or (at[0] == b"\n" and not as_lines)):
        at += 1
    return at


cdef inline const char* pass_digits(const char* at, const char* end) noexcept nogil:
    """Step over one digit at least; NULL if there is none."""
    if at == end or not b"0" <= at[0] <= b"9":
        return NULL
    while at < end and b"0" <= at[0] <= b"9":
        at += 1
    return at


cdef inline const char* pass_json_number(const char* at, const char* end) noexcept nogil:
    """Step over what JSON takes for a number; NULL if it is none, or goes on to the end of the text."""
    if at < end and at[0] == b"-":
        at += 1
    if at < end and at[0] == b"0":
        at += 1
    else:
        at = pass_digits(at, end)
    if at != NULL and at < end and at[0] == b".":
        at = pass_digits(at + 1, end)
    if at != NULL and at < end and (at[0] == b"e" or at[0] == b"E"):
        at += 1
        if at < end and (at[0] == b"-" or at[0] == b"+"):
            at += 1
        at = pass_digits(at, end)
    return at


cdef const char* pass_libsvm_rows(
    const char* at, const char* end, Py_ssize_t n_columns, Py_ssize_t base, Py_ssize_t max_rows, vector[double]& rows
) noexcept nogil:
    cdef const char* stop
    cdef size_t size
    cdef Py_ssize_t row
    cdef vector[Py_ssize_t] named_by  # for each column the last row that names it, from 1
    named_by.resize(n_columns)
    for row in range(1, max_rows + 1):
        size = rows.size()
        rows.resize(size + n_columns)  # with zeros
        stop = pass_libsvm_row(at, end, base, named_by, row, rows.data() + size)
        if stop == NULL:
            rows.resize(size)
            break
        at = stop
    return at


cdef const char* pass_libsvm_row(
    const char* at, const char* end, Py_ssize_t base, vector[Py_ssize_t]& named_by, Py_ssize_t row, double* values
) noexcept nogil:
    """Read one line with its end; NULL if it is not plain."""
    cdef const char* stop
    cdef Py_ssize_t column, n_words = 0
    cdef double label
    while True:
        while at < end and (at[0] == b" " or at[0] == b"\t"):
            at += 1
        if at < end and at[0] == b"\r":
            at += 1
            if at == end or at[0] != b"\n":
                return NULL
        if at < end and at[0] == b"\n":
            return at + 1 if n_words else NULL
        n_words += 1
        stop = pass_digits(at, end)
        if stop == NULL or stop == end or stop[0] != b":":
            if n_words > 1 or not starts_number(at, end) or parse_double(at, end, &label, &stop) != PARSED:
                return NULL
        else:
            if stop - at > 9:
                return NULL
            column = 0
            while at < stop:
                column = 10 * column + at[0] - 48
                at += 1
            column -= base
            if column < 0 or column >= <Py_ssize_t> named_by.size() or named_by[column] == row:
                return NULL
            named_by[column] = row
            at = stop + 1
            if not starts_number(at, end) or parse_double(at, end, values + column, &stop) != PARSED:
                return NULL
        at = stop
        if at == end or not (at[0] == b" " or at[0] == b"\t" or at[0] == b"\r" or at[0] == b"\n"):
            return NULL
