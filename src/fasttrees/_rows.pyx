"""Takes rows of numbers from any object with a buffer, without copying them."""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer

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
    rows.data = <const char*> view.buf
    rows.n_rows, rows.n_columns = view.shape[0], view.shape[1]
    rows.row_stride, rows.column_stride = view.strides[0], view.strides[1]
    rows.is_float32 = code == b"f"
    return not (
        <Py_ssize_t> rows.data % view.itemsize
        or (rows.n_rows > 1 and rows.row_stride % view.itemsize)  # one row never takes the step to the next
        or (rows.n_columns > 1 and rows.column_stride % view.itemsize)
    )


cdef bint overlap(const Rows* rows, const Py_buffer* out) noexcept:
    """Whether writing to `out` would change the rows."""
    cdef const char* begin = rows.data
    cdef const char* end = rows.data
    cdef Py_ssize_t reach
    if rows.n_rows == 0 or rows.n_columns == 0 or out.len == 0:
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
    """

    def __init__(self, data):
        try:
            PyObject_GetBuffer(data, &self.view, PyBUF_STRIDES | PyBUF_FORMAT)
        except TypeError as error:
            raise InputTypeError(f"Cannot predict data for type {type(data).__name__}") from error
        self.held = True
        if find_rows(&self.view, &self.rows):
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
