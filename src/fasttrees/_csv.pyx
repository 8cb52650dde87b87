"""Delimited text to rows of doubles, and scores to delimited text; no files, no numpy, and no GIL while it works.

The rules of the text (line ends, quotes, missing values, blank lines) are written down in docs/command-line.md.
"""
cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy
from libcpp.vector cimport vector

from fasttrees._cells cimport (
    BAD_NUMBER, BLANK_LINE, CELL_COUNT, NONE, NUL_BYTE, OPEN_QUOTE, TEXT_AFTER_QUOTE, Problem, pass_blanks, pass_cell,
    read_cell,
)
from fasttrees._lines cimport is_line_end, pass_line_end
from fasttrees._numbers cimport format_double, format_int32

from fasttrees.errors import CsvError, InputError, InputTypeError

DELIMITERS = (",", "\t", ";", "|")

MESSAGES = {
    BAD_NUMBER: "expected a number",
    BLANK_LINE: "blank line inside the data",
    OPEN_QUOTE: "quote without an end in its line",
    TEXT_AFTER_QUOTE: "text after a closing quote",
    NUL_BYTE: "NUL byte; expected UTF-8 text",
}

cdef enum:
    SHOWN = 60           # characters of a bad cell or line in an error
    FORMATTED_ROOM = 32  # what format_double asks for


cdef struct Failure:
    Problem problem
    Py_ssize_t row      # from 0
    Py_ssize_t column   # from 0; below 0 for the whole line
    Py_ssize_t n_cells  # what CELL_COUNT got
    const char* begin
    const char* end


cdef char delimiter_byte(str delimiter) except 0:
    if delimiter not in DELIMITERS:
        raise InputError(f"expected a delimiter of {', '.join(map(repr, DELIMITERS))}, got {delimiter!r}")
    return ord(delimiter)


@cython.final
cdef class Table:
    """Rows of doubles in C order, which :class:`RowParser` makes; gives its memory as a buffer of format ``d``.

    Attributes
    ----------
    shape : tuple of int
        (n_rows, n_columns)
    """
    cdef double* values
    cdef Py_ssize_t sizes[2]
    cdef Py_ssize_t strides[2]

    cdef allocate(self, Py_ssize_t n_rows, Py_ssize_t n_columns):
        self.values = <double*> malloc(max(1, n_rows * n_columns) * sizeof(double))
        if self.values == NULL:
            raise MemoryError
        self.sizes[0], self.sizes[1] = n_rows, n_columns
        self.strides[0], self.strides[1] = n_columns * sizeof(double), sizeof(double)

    def __dealloc__(self):
        free(self.values)

    @property
    def shape(self):
        """Number of rows and number of columns."""
        return self.sizes[0], self.sizes[1]

    def __getbuffer__(self, Py_buffer* view, int flags):
        if flags & PyBUF_WRITABLE == PyBUF_WRITABLE:
            raise BufferError("a Table is read-only")
        view.buf = self.values
        view.obj = self
        view.len = self.sizes[0] * self.strides[0]
        view.itemsize = sizeof(double)
        view.readonly = True
        view.format = NULL
        if flags & PyBUF_FORMAT:
            view.format = b"d"
        view.ndim = 2
        view.shape = <Py_ssize_t*> self.sizes if flags & PyBUF_ND else NULL
        view.strides = <Py_ssize_t*> self.strides if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        view.suboffsets = NULL
        view.internal = NULL


@cython.final
cdef class RowParser:
    """Reads delimited text whose lines all have the same cells.

    Parameters
    ----------
    columns : sequence of int
        For each cell of a line the column of the table that it fills, or -1 for a cell that is not read. Each column
        from 0 to the highest is filled once.
    delimiter : str, default ","
        One of :data:`DELIMITERS`.

    Raises
    ------
    InputError
        If `columns` or `delimiter` is something else.
    """
    cdef vector[Py_ssize_t] columns
    cdef Py_ssize_t n_columns
    cdef char delimiter

    def __init__(self, columns, str delimiter not None=","):
        self.delimiter = delimiter_byte(delimiter)
        filled = sorted(column for column in columns if column != -1)
        if not filled or filled != list(range(len(filled))):
            raise InputError("expected each column of the table to be filled by one cell")
        self.columns = columns
        self.n_columns = len(filled)

    @property
    def n_cells(self):
        """Number of cells that each line has."""
        return self.columns.size()

    def measure(self, data, Py_ssize_t max_rows, bint last):
        """Find how many bytes of `data` form whole rows: the next chunk of a stream.

        Blank lines are counted only when a row follows them, so that those at the end of a stream come to nothing. In a
        table of one cell a line each, a blank line is a row.

        Parameters
        ----------
        data : bytes-like
        max_rows : int
            How many rows to find at most; blank lines, which no table may have inside, can lead past it.
        last : bool
            Whether the stream ends with `data`: its last line may then lack a line end.

        Returns
        -------
        tuple of int
            (number of bytes, number of lines)
        """
        cdef Py_buffer view
        cdef Py_ssize_t size, n_lines
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            with nogil:
                size = self.find_rows(<const char*> view.buf, view.len, max_rows, last, &n_lines)
        finally:
            PyBuffer_Release(&view)
        return size, n_lines

    def parse(self, data, Py_ssize_t first_row=1):
        """Read whole lines.

        Parameters
        ----------
        data : bytes-like
            A whole text, or what :meth:`measure` found. Blank lines at its end are dropped.
        first_row : int, default 1
            Number of the first line, for errors. A byte order mark before line 1 is stepped over.

        Returns
        -------
        Table
            One row for each line.

        Raises
        ------
        CsvError
            If a cell that is read holds no number, or a line has fewer or more cells than `n_cells`; it says where.
        """
        cdef Py_buffer view
        cdef const char* begin
        cdef Py_ssize_t size, n_lines
        cdef Table table
        cdef Failure failure
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            begin, size = <const char*> view.buf, view.len
            if first_row == 1 and size >= 3 and memcmp(begin, b"\xef\xbb\xbf", 3) == 0:
                begin, size = begin + 3, size - 3
            with nogil:
                size = self.find_rows(begin, size, size, True, &n_lines)
            # A row takes a byte a cell at least, so short lines of a wide table cannot claim more memory than this.
            table = Table.__new__(Table)
            table.allocate(min(n_lines, size // <Py_ssize_t> self.columns.size() + 1), self.n_columns)
            with nogil:
                failure = self.fill(begin, begin + size, table)
            if failure.problem != NONE:
                raise self.error(failure, first_row)
            return table
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t find_rows(
        self, const char* data, Py_ssize_t size, Py_ssize_t max_rows, bint last, Py_ssize_t* n_lines
    ) noexcept nogil:
        cdef const char* at = data
        cdef const char* end = data + size
        cdef const char* line_feed = NULL
        cdef const char* carriage_return
        cdef const char* line_end
        cdef Py_ssize_t found = 0, line = 0
        n_lines[0] = 0
        while at < end and n_lines[0] < max_rows:
            if line_feed < at:
                line_feed = <const char*> memchr(at, b"\n", end - at)
                line_feed = end if line_feed == NULL else line_feed
            carriage_return = <const char*> memchr(at, b"\r", line_feed - at)
            line_end = line_feed if carriage_return == NULL else carriage_return
            if not last and (line_end == end or (line_end == carriage_return and line_end + 1 == end)):
                break  # the line goes on, or the LF of its CRLF is still to come
            line += 1
            if self.columns.size() == 1 or pass_blanks(at, line_end, self.delimiter) < line_end:
                n_lines[0] = line
                found = pass_line_end(line_end, end) - data
            at = pass_line_end(line_end, end)
        return found

    cdef Failure fill(self, const char* at, const char* end, Table table) noexcept nogil:
        """Read the lines into the table, whose number of rows becomes the number of lines."""
        cdef Failure failure
        cdef Py_ssize_t row = 0, cell, n_cells = self.columns.size(), column
        cdef double* out = table.values
        cdef const char* line
        cdef double unread
        failure.problem = NONE
        while at < end:
            line = at
            cell = 0
            if row == table.sizes[0] or (n_cells > 1 and is_line_end(pass_blanks(at, end, self.delimiter), end)):
                failure.problem = BLANK_LINE
            while failure.problem == NONE:
                column = self.columns[cell]
                if column >= 0:
                    failure.problem = read_cell(&at, end, self.delimiter, out + column)
                else:
                    failure.problem = pass_cell(&at, end, self.delimiter)
                cell += 1
                if failure.problem != NONE:
                    break
                if is_line_end(at, end):
                    if cell < n_cells:
                        failure.problem = CELL_COUNT
                    break
                if cell == n_cells:
                    failure.problem = CELL_COUNT
                at += 1
            if failure.problem != NONE:
                failure.row = row
                return self.locate(failure, line, end, cell)
            at = pass_line_end(at, end)
            out += self.n_columns
            row += 1
        table.sizes[0] = row
        return failure

    cdef Failure locate(self, Failure failure, const char* line, const char* end, Py_ssize_t cell) noexcept nogil:
        """Find the text that a failure is about: the `cell`-th cell of the line, or the line."""
        cdef const char* at = line
        cdef Py_ssize_t n_cells = 0
        failure.column = -1
        failure.begin = line
        while True:
            n_cells += 1
            failure.end = at
            pass_cell(&at, end, self.delimiter)
            if n_cells == cell and failure.problem not in (CELL_COUNT, BLANK_LINE):
                failure.begin = failure.end
                failure.column = cell - 1
                break
            if is_line_end(at, end):
                break
            at += 1
        failure.end = at
        failure.n_cells = n_cells
        return failure

    cdef error(self, Failure failure, Py_ssize_t first_row):
        data = failure.begin[:min(failure.end - failure.begin, 4 * SHOWN)].strip(b" \t")
        text = data.decode("utf-8", "backslashreplace")
        text = text if len(text) <= SHOWN else text[:SHOWN] + "..."
        if failure.problem == CELL_COUNT:
            problem = f"expected {self.columns.size()} cells, got {failure.n_cells}"
        elif b"\0" in data:
            problem = MESSAGES[NUL_BYTE]
        else:
            problem = MESSAGES[failure.problem]
            if failure.problem == BAD_NUMBER and text.isascii() and not data.isascii():
                problem += " in UTF-8 text"
        return CsvError(problem, first_row + failure.row, failure.column + 1 or None, text)


def apply_threshold(probabilities, double threshold):
    """Turn probabilities into classes, in place: 1 above the threshold, 0 otherwise, NaN where there is none.

    Parameters
    ----------
    probabilities : writable buffer of format ``d``
    threshold : float
    """
    cdef double[::1] values = probabilities
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            if values[i] == values[i]:
                values[i] = values[i] > threshold


def format_rows(values, Py_ssize_t n_rows, str delimiter not None=","):
    """Write numbers as delimited text, each row ended by a line feed.

    Parameters
    ----------
    values : C-contiguous buffer, n_rows * k items
        Format ``d`` (written with the shortest digits that read back to the same double; ``nan``, ``inf``, ``-inf``)
        or ``i`` (int32).
    n_rows : int
    delimiter : str, default ","
        One of :data:`DELIMITERS`.

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
    cdef Py_buffer view
    cdef char separator = delimiter_byte(delimiter)
    cdef Py_ssize_t n_items, n_columns
    cdef char* text
    cdef char* at
    PyObject_GetBuffer(values, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    try:
        form = view.format.decode()
        if form not in ("d", "i"):
            raise InputTypeError(f"expected a buffer of format 'd' or 'i' (float64, int32), got {form!r}")
        n_items = view.len // view.itemsize
        if n_rows < 0 or (n_items % n_rows if n_rows else n_items):
            raise InputError(f"expected as many items in each of {n_rows} rows, got {n_items} in all")
        n_columns = n_items // n_rows if n_rows else 0
        text = <char*> malloc(n_rows + n_items * (12 if form == "i" else 25) + FORMATTED_ROOM)
        if text == NULL:
            raise MemoryError
        try:
            if form == "i":
                with nogil:
                    at = write_rows(<const int32_t*> view.buf, n_rows, n_columns, separator, text)
            else:
                with nogil:
                    at = write_rows(<const double*> view.buf, n_rows, n_columns, separator, text)
            return text[:at - text]
        finally:
            free(text)
    finally:
        PyBuffer_Release(&view)


ctypedef fused Number:
    int32_t
    double


cdef char* write_rows(
    const Number* values, Py_ssize_t n_rows, Py_ssize_t n_columns, char delimiter, char* at
) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(n_rows):
        for j in range(n_columns):
            if j:
                at[0] = delimiter
                at += 1
            if Number is int32_t:
                at = format_int32(at, at + FORMATTED_ROOM, values[j])
            elif values[j] != values[j]:  # to_chars shows the sign of a NaN
                memcpy(at, b"nan", 3)
                at += 3
            else:
                at = format_double(at, at + FORMATTED_ROOM, values[j])
        values += n_columns
        at[0] = b"\n"
        at += 1
    return at
