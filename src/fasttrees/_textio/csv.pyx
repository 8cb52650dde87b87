"""Delimited text to rows of doubles; no files, no numpy, and no GIL while it works.

The rules of the text (line ends, quotes, missing values, blank lines) stand in docs/reference/command-line.md.
"""
cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_ND, PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp
from libcpp.vector cimport vector

from fasttrees._textio.cells cimport (
    BAD_NUMBER, BLANK_LINE, CELL_COUNT, NONE, NUL_BYTE, OPEN_QUOTE, TEXT_AFTER_QUOTE, Problem, pass_blanks, pass_cell,
    read_cell,
)
from fasttrees._textio.lines cimport is_line_end, pass_line_end
from fasttrees._textio.short_numbers cimport NUMBER_BYTES, SCAN, Ends, find_ends, read_number_before, take_end

from fasttrees._textio.dialect import delimiter_byte
from fasttrees.errors import CsvError, InputError

MESSAGES = {
    BAD_NUMBER: "expected a number",
    BLANK_LINE: "blank line inside the data",
    OPEN_QUOTE: "quote without an end in its line",
    TEXT_AFTER_QUOTE: "text after a closing quote",
    NUL_BYTE: "NUL byte; expected UTF-8 text",
}

cdef enum:
    SHOWN = 60  # characters of a bad cell or line in an error


cdef struct Failure:
    Problem problem
    Py_ssize_t column   # from 0; below 0 for the whole line
    Py_ssize_t n_cells  # what CELL_COUNT got
    const char* begin
    const char* end


@cython.final
cdef class Table:
    """Rows of doubles in C order, which :class:`RowParser` makes; gives its memory as a buffer of format ``d``.

    Attributes
    ----------
    shape : tuple of int
        (n_rows, n_columns)
    """
    cdef double* values
    cdef Py_ssize_t capacity  # rows there is room for
    cdef Py_ssize_t sizes[2]
    cdef Py_ssize_t strides[2]

    cdef allocate(self, Py_ssize_t n_rows, Py_ssize_t n_columns):
        self.values = <double*> malloc(max(1, n_rows * n_columns) * sizeof(double))
        if self.values == NULL:
            raise MemoryError
        self.capacity = n_rows
        self.sizes[0], self.sizes[1] = 0, n_columns
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
        One of :data:`fasttrees._textio.dialect.DELIMITERS`.

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

    def parse(self, data, Py_ssize_t first_row=1, list errors=None, Py_ssize_t n_lines=-1):
        """Read whole lines.

        Parameters
        ----------
        data : bytes-like
            A whole text, or what :meth:`measure` found. Blank lines at its end are dropped.
        first_row : int, default 1
            Number of the first line, for errors. A byte order mark before line 1 is stepped over.
        errors : list of CsvError, optional
            Gets the error of each line that is no row, which is then left out, instead of the error being raised.
        n_lines : int, default -1
            The number of lines, if :meth:`measure` has counted them; -1: they are counted.

        Returns
        -------
        Table
            One row for each line that is one.

        Raises
        ------
        CsvError
            If a cell that is read holds no number, or a line has fewer or more cells than `n_cells`; it says where.
        """
        cdef Py_buffer view
        cdef const char* begin
        cdef const char* end
        cdef Py_ssize_t size
        cdef Table table
        cdef Failure failure
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            begin, size = <const char*> view.buf, view.len
            if first_row == 1 and size >= 3 and memcmp(begin, b"\xef\xbb\xbf", 3) == 0:
                begin, size = begin + 3, size - 3
            if n_lines < 0:
                with nogil:
                    size = self.find_rows(begin, size, size, True, &n_lines)
            # A row takes a byte a cell at least, so short lines of a wide table cannot claim more memory than this.
            table = Table.__new__(Table)
            table.allocate(min(n_lines, size // <Py_ssize_t> self.columns.size() + 1), self.n_columns)
            end = begin + size
            while True:
                with nogil:
                    failure = self.fill(&begin, end, table)
                if failure.problem == NONE:
                    return table
                error = self.error(failure, first_row + table.sizes[0] + (len(errors) if errors is not None else 0))
                if errors is None:
                    raise error
                errors.append(error)
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

    cdef Failure fill(self, const char** place, const char* end, Table table) noexcept nogil:
        """Append lines to the table; stop at the end, or at a failure, behind its line."""
        cdef Failure failure
        cdef Py_ssize_t cell, n_cells = self.columns.size(), column
        cdef double* out = table.values + table.sizes[0] * self.n_columns
        cdef const char* start = place[0]
        cdef const char* at = start
        cdef const char* line
        cdef const char* stop
        cdef Ends ends
        cdef bint looks_ahead = end - at >= SCAN
        if looks_ahead:
            find_ends(&ends, at, self.delimiter)
        failure.problem = NONE
        while at < end:
            line = at
            cell = 0
            if n_cells > 1 and is_line_end(pass_blanks(at, end, self.delimiter), end) \
                    or table.sizes[0] == table.capacity:
                failure.problem = BLANK_LINE
            while failure.problem == NONE:
                column = self.columns[cell]
                stop = NULL
                while looks_ahead and stop < at:  # quotes may hide ends, and a line end may count twice
                    stop = take_end(&ends, end, self.delimiter)
                    looks_ahead = stop != NULL
                if column >= 0 and stop - start >= NUMBER_BYTES and read_number_before(at, stop, out + column):
                    at = stop
                elif column >= 0:
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
                failure = self.locate(failure, line, end, cell)
                at = failure.end
                while not is_line_end(at, end):
                    at += 1
                place[0] = pass_line_end(at, end)
                break
            at = pass_line_end(at, end)
            out += self.n_columns
            table.sizes[0] += 1
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

    cdef error(self, Failure failure, Py_ssize_t row):
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
        return CsvError(problem, row, failure.column + 1 or None, text)
