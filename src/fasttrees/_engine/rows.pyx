"""Takes rows of numbers from objects with buffers, without copying them."""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memset

cdef extern from "Python.h":
    Py_buffer* PyMemoryView_GET_BUFFER(object view)

import sys

from fasttrees.errors import InputError, InputTypeError

# The marks of a format's byte order that mean this machine's.
cdef char NATIVE = b"<" if sys.byteorder == "little" else b">"


cdef str format_of(const Py_buffer* view):
    """The format of a buffer's items; one without a format has bytes."""
    return "B" if view.format == NULL else view.format.decode()


cdef char type_code(const Py_buffer* view) noexcept:
    """The one letter of a native format, such as d; 0 for any other format."""
    cdef const char* form = view.format
    if form == NULL:
        return b"B"
    if form[0] == b"@" or form[0] == b"=" or form[0] == NATIVE:
        form += 1
    return form[0] if form[0] and not form[1] else 0


cdef bint find_rows(const Py_buffer* view, Rows* rows) noexcept:
    """Describe a buffer as rows; false unless it has two dimensions and aligned items of format d or f."""
    cdef char code = type_code(view)
    if view.ndim != 2 or not (code == b"d" or code == b"f"):
        return False
    memset(rows, 0, sizeof(Rows))
    rows.layout = FLOAT64_TABLE if code == b"d" else FLOAT32_TABLE
    rows.data = <const char*> view.buf
    rows.n_rows, rows.n_columns = view.shape[0], view.shape[1]
    rows.row_stride, rows.column_stride = view.strides[0], view.strides[1]
    return not (
        <Py_ssize_t> rows.data % view.itemsize
        or (rows.n_rows > 1 and rows.row_stride % view.itemsize)  # one row never takes the step to the next
        or (rows.n_columns > 1 and rows.column_stride % view.itemsize)
    )


cdef bint overlap(const Rows* rows, const Py_buffer* out) noexcept:
    """Whether writing to `out` would change the rows; columns come only where `out` is fresh memory."""
    cdef const char* begin = rows.data
    cdef const char* end = rows.data
    cdef Py_ssize_t reach
    if rows.layout == COLUMNS or rows.n_rows == 0 or rows.n_columns == 0 or out.len == 0:
        return False
    for reach in ((rows.n_rows - 1) * rows.row_stride, (rows.n_columns - 1) * rows.column_stride):
        if reach < 0:
            begin += reach
        else:
            end += reach
    return begin < <const char*> out.buf + out.len and <const char*> out.buf <= end


cdef class RowBuffer:
    """A two-dimensional table of float32 or float64 values in any stride, read in place.

    Parameters
    ----------
    data : object with the buffer protocol, shape (n_rows, n_columns)
        Items of format ``d`` or ``f``, native byte order and alignment; may be read-only. Held until this object goes.
    keeps_near_zero : bool, default False
        Whether values within the zero limit are more than zeros: LightGBM cleans them from most inputs, not from all.
    """

    def __init__(self, data, bint keeps_near_zero=False):
        try:
            PyObject_GetBuffer(data, &self.view, PyBUF_STRIDES | PyBUF_FORMAT)
        except TypeError as error:
            raise InputTypeError(f"Cannot predict data for type {type(data).__name__}") from error
        self.held = True
        if find_rows(&self.view, &self.rows):
            self.rows.keeps_near_zero = keeps_near_zero
            return
        if type_code(&self.view) not in b"df":
            raise InputTypeError(
                f"expected a buffer of format 'd' or 'f' (float64, float32), got {format_of(&self.view)!r}"
            )
        if self.view.ndim != 2:
            raise InputError(f"expected a buffer of 2 dimensions, got {self.view.ndim}")
        raise InputError("expected aligned items; copy the data first")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    @property
    def n_rows(self):
        """Number of rows."""
        return self.rows.n_rows

    @property
    def n_columns(self):
        """Number of columns."""
        return self.rows.n_columns


# Letters of formats whose items are numbers, signed and unsigned ones in turn.
cdef bytes WHOLE_NUMBERS = b"bBhHiIlLqQ"
cdef double ZERO = 0.0


cdef Cells zero_cells() noexcept:
    """A column of zeros, of any number of rows."""
    return Cells(<const char*> &ZERO, 0, FLOAT64, False, NULL, 0)


cdef int find_cells(const Py_buffer* view, Cells* cells) except -1:
    """Describe a buffer as a column; true unless it has another dimension than one or items that are no numbers."""
    cdef char code = type_code(view)
    cells[0] = zero_cells()
    cells.data, cells.stride = <const char*> view.buf, view.strides[0] if view.ndim == 1 else 0
    if code == b"d" or code == b"f":
        cells.item = FLOAT64 if code == b"d" else FLOAT32
    elif code == b"?":
        cells.item = UINT8
    elif code and code in WHOLE_NUMBERS:
        cells.item = {1: INT8, 2: INT16, 4: INT32, 8: INT64}[view.itemsize]
        if WHOLE_NUMBERS.index(code) % 2:
            cells.item = <Item> (cells.item + 1)
    else:
        return False
    return view.ndim == 1


cdef class ColumnRows(RowBuffer):
    """Rows whose columns lie in memory each of their own, of any type and stride.

    Parameters
    ----------
    columns : list of one-dimensional objects with the buffer protocol, or None
        Items are numbers or booleans of native byte order. None is a column of zeros.
    n_rows : int
    codes : set of int
        Numbers of the columns in which a negative value is a missing one.
    """

    def __init__(self, list columns not None, Py_ssize_t n_rows, codes=frozenset()):
        cdef Cells cells
        cdef Py_buffer* view
        self.held_columns = [None if column is None else memoryview(column) for column in columns]
        for number, column in enumerate(self.held_columns):
            if column is None:
                cells = zero_cells()
            else:
                view = PyMemoryView_GET_BUFFER(column)
                if not find_cells(view, &cells) or view.shape[0] != n_rows:
                    raise InputTypeError(
                        f"column {number}: expected {n_rows} numbers in one dimension, got a buffer of format "
                        f"{format_of(view)!r} and shape {column.shape}"
                    )
                cells.is_code = number in codes
            self.cells.push_back(cells)
        self.batch_begin.assign(1, 0)
        self.batch_begin.push_back(n_rows)
        self.finish(len(columns))

    cdef finish(self, Py_ssize_t n_columns):
        """Describe the columns to the kernels, when all batches are there."""
        memset(&self.rows, 0, sizeof(Rows))
        self.rows.layout = COLUMNS
        self.rows.n_columns = n_columns
        self.rows.n_rows = self.batch_begin.back()
        self.rows.cells = self.cells.data()
        self.rows.batch_begin = self.batch_begin.data()
        self.rows.n_batches = self.batch_begin.size() - 1
