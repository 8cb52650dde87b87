"""The rows of data files, as LightGBM's parsers of CSV, TSV and LibSVM read them, block by block, without the GIL."""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport fabs
from libc.string cimport memchr
from libcpp.vector cimport vector

from fasttrees._textio.atof cimport is_digit, legacy_number, pass_spaces
from fasttrees._textio.lines cimport ends_line
from fasttrees._textio.numbers cimport PARSED, parse_double
from fasttrees._engine.rows cimport ZERO_THRESHOLD, type_code

from fasttrees.errors import CsvError, InputError

cdef enum Problem:
    NONE
    BAD_NUMBER
    FEW_CELLS
    MANY_CELLS
    EMPTY_END
    BAD_PAIR
    BAD_INDEX

MESSAGES = {
    BAD_NUMBER: "expected a number that LightGBM reads",
    FEW_CELLS: "expected as many cells as in the first line, got fewer",
    MANY_CELLS: "expected as many cells as in the first line, got more",
    EMPTY_END: "expected a number or 'na', got an empty last cell, which LightGBM takes for 0",
    BAD_PAIR: "expected index:value",
    BAD_INDEX: "expected an index below the number of features",
}

cdef enum:
    SHOWN = 40            # characters of a bad line in an error
    MAX_INDEX_DIGITS = 9


cdef class TextLines:
    """Where the rows of a text are: lines end with LF, CR or both, and empty ones are no rows.

    Parameters
    ----------
    data : bytes
    start : int
        Where the first row begins.
    block_rows : int
        Rows are found in blocks of this many.
    """

    cdef readonly bytes data
    cdef readonly Py_ssize_t n_rows, block_rows
    cdef vector[Py_ssize_t] begins  # of blocks

    def __init__(self, bytes data not None, Py_ssize_t start, Py_ssize_t block_rows):
        cdef const char* text = data
        cdef Py_ssize_t size = len(data)
        if not 0 <= start <= size or block_rows < 1:
            raise InputError(f"no such place or size: {start}, {block_rows}")
        self.data, self.block_rows = data, block_rows
        with nogil:
            self.find_rows(text, text + start, text + size)

    cdef void find_rows(self, const char* text, const char* at, const char* end) noexcept nogil:
        cdef const char* line_feed = at
        cdef const char* carriage_return
        while at < end:
            if ends_line(at[0]):
                at += 1
                continue
            if self.n_rows % self.block_rows == 0:
                self.begins.push_back(at - text)
            self.n_rows += 1
            if line_feed <= at:
                line_feed = <const char*> memchr(at, b"\n", end - at)
                line_feed = end if line_feed == NULL else line_feed
            carriage_return = <const char*> memchr(at, b"\r", line_feed - at)
            at = line_feed if carriage_return == NULL else carriage_return


cdef class BlockParser:
    """Parses blocks of rows, one after the other, into the same memory; for one thread.

    Parameters
    ----------
    lines : TextLines
    block : writable C-contiguous buffer of zeros
        float64, one dimension of it lines.block_rows.
    """

    cdef TextLines lines
    cdef Py_buffer view
    cdef bint held
    cdef double* values
    cdef Py_ssize_t n_columns

    def __init__(self, TextLines lines not None, block, int column_axis):
        PyObject_GetBuffer(block, &self.view, PyBUF_ND | PyBUF_FORMAT | PyBUF_WRITABLE)
        self.held = True
        if self.view.ndim != 2 or type_code(&self.view) != b"d" or self.view.shape[1 - column_axis] != lines.block_rows:
            raise InputError("expected a block of float64 for the rows of a block")
        self.lines = lines
        self.values = <double*> self.view.buf
        self.n_columns = self.view.shape[column_axis]

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef const char* begin_of(self, Py_ssize_t first, Py_ssize_t last) except NULL:
        """Where the rows begin, which are a block but for those that may lack at its end."""
        if not 0 <= first < last <= self.lines.n_rows or first % self.lines.block_rows \
                or last - first > self.lines.block_rows:
            raise InputError(f"no such block of rows: {first} to {last}")
        return <const char*> self.lines.data + self.lines.begins[first // self.lines.block_rows]

    cdef error(self, Problem problem, const char* at, Py_ssize_t column):
        cdef const char* text = self.lines.data
        before = self.lines.data[:at - text].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        shown = self.lines.data[at - text:at - text + SHOWN].splitlines()
        return CsvError(
            MESSAGES[problem], before.count(b"\n") + 1, column if column else None,
            shown[0].decode("utf-8", "backslashreplace") if shown else "",
        )


cdef class DelimitedParser(BlockParser):
    """Parses CSV and TSV.

    Parameters
    ----------
    lines : TextLines
    block : buffer of shape (block_rows, n_columns)
    targets : iterable of int
        For each cell the column that it is; beyond those of the block for a cell that is left out.
    delimiter : str
    precise : bool
        Whether numbers are rounded correctly; blanks behind them and missing values are then errors, but for ``nan``.
    """

    cdef vector[Py_ssize_t] targets
    cdef char delimiter
    cdef bint precise

    def __init__(self, TextLines lines not None, block, targets, str delimiter not None, bint precise):
        super().__init__(lines, block, 1)
        self.targets = targets
        self.delimiter = ord(delimiter)
        self.precise = precise
        if min(self.targets, default=0) < 0:
            raise InputError("expected targets of at least 0")

    def fill(self, Py_ssize_t first, Py_ssize_t last):
        """Parse rows `first` to `last`; returns False: LightGBM makes all near-zero values of these files zero."""
        cdef const char* at = self.begin_of(first, last)
        cdef const char* end = <const char*> self.lines.data + len(self.lines.data)
        cdef Py_ssize_t row, column = 0
        cdef Problem problem = NONE
        with nogil:
            for row in range(last - first):
                while ends_line(at[0]):
                    at += 1
                problem = self.parse_row(&at, end, self.values + row * self.n_columns, &column)
                if problem != NONE:
                    break
        if problem != NONE:
            raise self.error(problem, at, column)
        return False

    cdef Problem parse_row(
        self, const char** place, const char* end, double* row, Py_ssize_t* column
    ) noexcept nogil:
        cdef const char* at = place[0]
        cdef const char* stop
        cdef Py_ssize_t cell, n_cells = self.targets.size()
        cdef double value
        cdef bint ends
        for cell in range(n_cells):
            column[0] = cell + 1
            place[0] = at
            if cell == n_cells - 1 and (at == end or ends_line(at[0])):
                return EMPTY_END if self.targets[cell] < self.n_columns else NONE
            if self.precise:
                at = pass_spaces(at)
                if parse_double(at, end, &value, &stop) != PARSED:
                    return BAD_NUMBER
            else:
                stop = legacy_number(at, &value)
                if stop == NULL:
                    return BAD_NUMBER
            ends = stop == end or ends_line(stop[0])
            if not ends and stop[0] != self.delimiter:
                return BAD_NUMBER
            if self.targets[cell] < self.n_columns:
                row[self.targets[cell]] = value
            if ends != (cell == n_cells - 1):
                column[0] = 0
                return FEW_CELLS if ends else MANY_CELLS
            at = stop + (not ends)
        place[0] = at
        return NONE


cdef class LibsvmParser(BlockParser):
    """Parses LibSVM: what a line does not name is zero, and the last of several values of a column counts.

    Parameters
    ----------
    lines : TextLines
    block : buffer of shape (n_columns, block_rows)
    has_label : bool
        Whether each line begins with a number that is no feature.
    leaves_out : bool
        Whether indices beyond the columns are left out.
    """

    cdef bint has_label, leaves_out
    cdef vector[Py_ssize_t] touched

    def __init__(self, TextLines lines not None, block, bint has_label, bint leaves_out):
        super().__init__(lines, block, 0)
        self.has_label, self.leaves_out = has_label, leaves_out

    def fill(self, Py_ssize_t first, Py_ssize_t last):
        """Parse rows `first` to `last`; return whether there are near-zero values, which LightGBM keeps here."""
        cdef const char* at = self.begin_of(first, last)
        cdef const char* end = <const char*> self.lines.data + len(self.lines.data)
        cdef Py_ssize_t row, place
        cdef Problem problem = NONE
        cdef bint has_near_zero = False
        with nogil:
            for place in self.touched:
                self.values[place] = 0
            self.touched.clear()
            for row in range(last - first):
                while ends_line(at[0]):
                    at += 1
                problem = self.parse_row(&at, end, row, &has_near_zero)
                if problem != NONE:
                    break
        if problem != NONE:
            raise self.error(problem, at, 0)
        return has_near_zero

    cdef Problem parse_row(
        self, const char** place, const char* end, Py_ssize_t row, bint* has_near_zero
    ) noexcept nogil:
        cdef const char* at = place[0]
        cdef Py_ssize_t index
        cdef double value
        if self.has_label:
            at = legacy_number(at, &value)
            if at == NULL or not ends_item(at, end, place[0]):
                return BAD_NUMBER
        while True:
            at = pass_blanks(at)
            if at == end or ends_line(at[0]):
                place[0] = at
                return NONE
            place[0] = at
            index = 0
            while is_digit(at[0]) and at - place[0] <= MAX_INDEX_DIGITS:
                index = 10 * index + (at[0] - 48)
                at += 1
            if at == place[0]:
                return BAD_PAIR
            at = pass_blanks(at)
            if at[0] != b":":
                return BAD_PAIR
            at = legacy_number(at + 1, &value)
            if at == NULL or not ends_item(at, end, place[0]):
                return BAD_NUMBER
            if index < self.n_columns:
                self.values[index * self.lines.block_rows + row] = value
                self.touched.push_back(index * self.lines.block_rows + row)
                has_near_zero[0] |= value != 0 and fabs(value) <= ZERO_THRESHOLD
            elif not self.leaves_out:
                return BAD_INDEX


cdef inline const char* pass_blanks(const char* at) noexcept nogil:
    while at[0] == b" " or at[0] == b"\t":
        at += 1
    return at


cdef inline bint ends_item(const char* at, const char* end, const char* begin) noexcept nogil:
    """Whether a blank stands before this place, or the line ends here."""
    return at == end or ends_line(at[0]) or at[0] == b"\t" or (at > begin and (at - 1)[0] == b" ")
